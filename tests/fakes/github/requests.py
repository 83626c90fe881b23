"""Pull requests, their comments, issues, permissions, file contents, and who one is."""

from __future__ import annotations

import base64
import subprocess
from typing import Any

from tests.fakes.desk import Comment, Issue, Shelf, Shelves
from tests.fakes.exchange import Reply
from tests.fakes.github.documents import commit_document
from tests.fakes.github.forge import Call, HostedRepository, Refusal, User
from tests.fakes.github.git_data import resolve
from tests.fakes.github.request_documents import (
    comment_document,
    issue_document,
    request_document,
    user,
)
from tests.fakes.routes import Routes

routes = Routes()
_LONGEST = 65_536
_FORBIDDEN = "Resource not accessible by integration"


def _shelf(call: Call, found: HostedRepository) -> Shelf:
    return call.forge.memory(Shelves).shelf(found.path)


def _writer(call: Call) -> User:
    """Who asks, where that one may write."""
    if call.user is None:
        raise Refusal(401, "Requires authentication")
    if call.user.login in call.forge.memory(Shelves).readers:
        raise Refusal(403, _FORBIDDEN)
    return call.user


def _text(call: Call, name: str = "body") -> str:
    text = str(call.request.json().get(name, ""))
    if len(text) > _LONGEST:
        raise Refusal(
            422,
            "Validation Failed",
            errors=[
                {
                    "resource": "IssueComment",
                    "code": "unprocessable",
                    "field": "data",
                    "message": f"Body is too long (maximum is {_LONGEST} characters)",
                }
            ],
        )
    return text


# --- requests ---


@routes.get("/repos/{owner}/{repo}/pulls")
def list_requests(call: Call, owner: str, repo: str) -> Reply:
    found = call.repository(owner, repo)
    wanted = call.request.query("state", "open")
    return call.page(
        [
            request_document(call, found, request, whole=False)
            for request in reversed(_shelf(call, found).requests.values())
            if wanted == "all" or request.is_open == (wanted == "open")
        ]
    )


@routes.get("/repos/{owner}/{repo}/pulls/{pull_number}")
def read_request(call: Call, owner: str, repo: str, pull_number: str) -> Reply:
    found = call.repository(owner, repo)
    request = _shelf(call, found).requests.get(int(pull_number))
    if request is None:
        raise Refusal(404, "Not Found")
    return call.json(request_document(call, found, request, whole=True))


@routes.get("/repos/{owner}/{repo}/commits/{commit_sha}/pulls")
def requests_of_commit(call: Call, owner: str, repo: str, commit_sha: str) -> Reply:
    """Merged ones of a commit on the main branch, open ones of any other; no forks'."""
    found = call.repository(owner, repo)
    on_main = commit_sha in found.git.git("rev-list", found.default_branch).split()
    listed = []
    for request in _shelf(call, found).requests.values():
        if on_main:
            own = set(request.commits)
        else:
            own = set() if request.head_repository else {request.head(found.git)}
        if commit_sha in own and bool(request.merge_commit) == on_main:
            listed.append(request_document(call, found, request, whole=False))
    return call.page(listed)


@routes.get("/repos/{owner}/{repo}/commits")
def list_commits(call: Call, owner: str, repo: str) -> Reply:
    found = call.repository(owner, repo)
    start = resolve(found.git, call.request.query("sha", found.default_branch))
    if start is None:
        raise Refusal(404, "Not Found")
    forge = call.forge
    return call.page(
        [
            commit_document(forge.api, forge.url, found.path, found.git.facts(sha))
            for sha in found.git.git("rev-list", start).split()
        ]
    )


# --- comments ---


@routes.get("/repos/{owner}/{repo}/issues/{issue_number}/comments")
def list_comments(call: Call, owner: str, repo: str, issue_number: str) -> Reply:
    found = call.repository(owner, repo)
    return call.page(
        [
            comment_document(call, found, comment)
            for comment in _shelf(call, found).comments.values()
            if comment.number == int(issue_number)
        ]
    )


@routes.post("/repos/{owner}/{repo}/issues/{issue_number}/comments")
def write_comment(call: Call, owner: str, repo: str, issue_number: str) -> Reply:
    found = call.repository(owner, repo)
    shelf, number = _shelf(call, found), int(issue_number)
    author = _writer(call)
    if number not in shelf.requests and number not in shelf.issues:
        raise Refusal(404, "Not Found")
    made = Comment(next(call.forge.memory(Shelves).ids), number, author, _text(call))
    shelf.comments[made.id] = made
    return call.json(comment_document(call, found, made), 201)


@routes.patch("/repos/{owner}/{repo}/issues/comments/{comment_id}")
def edit_comment(call: Call, owner: str, repo: str, comment_id: str) -> Reply:
    found = call.repository(owner, repo)
    _writer(call)
    comment = _comment(call, found, comment_id)
    comment.body = _text(call)
    return call.json(comment_document(call, found, comment))


@routes.delete("/repos/{owner}/{repo}/issues/comments/{comment_id}")
def delete_comment(call: Call, owner: str, repo: str, comment_id: str) -> Reply:
    found = call.repository(owner, repo)
    _writer(call)
    del _shelf(call, found).comments[_comment(call, found, comment_id).id]
    return Reply(204)


def _comment(call: Call, found: HostedRepository, comment_id: str) -> Comment:
    comment = _shelf(call, found).comments.get(int(comment_id))
    if comment is None:
        raise Refusal(404, "Not Found")
    return comment


# --- issues ---


@routes.get("/repos/{owner}/{repo}/issues")
def list_issues(call: Call, owner: str, repo: str) -> Reply:
    found = call.repository(owner, repo)
    state = call.request.query("state", "open")
    labels = set(filter(None, call.request.query("labels").split(",")))
    return call.page(
        [
            issue_document(call, found, issue)
            for issue in reversed(_shelf(call, found).issues.values())
            if state in ("all", issue.state) and labels <= set(issue.labels)
        ]
    )


@routes.post("/repos/{owner}/{repo}/issues")
def write_issue(call: Call, owner: str, repo: str) -> Reply:
    found = call.repository(owner, repo)
    shelf, said = _shelf(call, found), call.request.json()
    author, text = _writer(call), _text(call)
    made = Issue(
        next(shelf.numbers), author, said["title"], text, tuple(said.get("labels", ()))
    )
    shelf.issues[made.number] = made
    return call.json(issue_document(call, found, made), 201)


@routes.patch("/repos/{owner}/{repo}/issues/{issue_number}")
def edit_issue(call: Call, owner: str, repo: str, issue_number: str) -> Reply:
    found = call.repository(owner, repo)
    issue = _shelf(call, found).issues.get(int(issue_number))
    _writer(call)
    if issue is None:
        raise Refusal(404, "Not Found")
    said = call.request.json()
    issue.title = said.get("title", issue.title)
    issue.state = said.get("state", issue.state)
    if "body" in said:
        issue.body = _text(call)
    return call.json(issue_document(call, found, issue))


# --- who and what ---


@routes.get("/repos/{owner}/{repo}/collaborators/{username}/permission")
def read_permission(call: Call, owner: str, repo: str, username: str) -> Reply:
    found = call.repository(owner, repo)
    roles = _shelf(call, found).roles
    if username not in roles:
        raise Refusal(404, f"{username} is not a user")
    role = roles[username]
    legacy = {"maintain": "write", "triage": "read"}.get(role, role)
    who = {
        **user(call, User(username, 77)),
        "role_name": role,
        "permissions": {
            "pull": legacy in ("read", "write", "admin"),
            "push": legacy in ("write", "admin"),
            "admin": legacy == "admin",
        },
    }
    return call.json({"permission": legacy, "role_name": role, "user": who})


@routes.get("/repos/{owner}/{repo}/contents/{path}", deep="path")
def read_content(call: Call, owner: str, repo: str, path: str) -> Reply:
    found = call.repository(owner, repo)
    commit = resolve(found.git, call.request.query("ref", found.default_branch))
    if commit is None:
        raise Refusal(404, f"No commit found for the ref {call.request.query('ref')}")
    try:
        kind = found.git.git("cat-file", "-t", f"{commit}:{path}")
    except subprocess.CalledProcessError:
        raise Refusal(404, "Not Found") from None
    if kind == "tree":
        return call.json([])
    data = found.git.git_bytes("cat-file", "blob", f"{commit}:{path}")
    small = len(data) <= 1024 * 1024
    url = f"{call.forge.api}/repos/{found.path}/contents/{path}"
    document: dict[str, Any] = {
        "type": "file",
        "encoding": "base64" if small else "none",
        "size": len(data),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(data).decode() if small else "",
        "sha": found.git.git("rev-parse", f"{commit}:{path}"),
        "url": url,
        "git_url": None,
        "html_url": None,
        "download_url": None,
        "_links": {"git": None, "html": None, "self": url},
    }
    return call.json(document)


@routes.post("/graphql", described=False)
def viewer(call: Call) -> Reply:
    """GraphQL: whom the token stands for; a workflow's token may ask this."""
    if call.user is None:
        raise Refusal(401, "Bad credentials")
    assert "viewer" in call.request.json()["query"]
    number = call.user.id if call.forge.memory(Shelves).viewer_ids else None
    return call.json(
        {"data": {"viewer": {"login": call.user.login, "databaseId": number}}}
    )
