"""Merge requests, their notes, issues, members, and who one is.

A job's token is let near none of it (GitLab's page on CI_JOB_TOKEN).
"""

from __future__ import annotations

from typing import Any

from tests.fakes.desk import Comment, Issue, Shelf, Shelves
from tests.fakes.exchange import Reply
from tests.fakes.gitlab.forge import Call, Refusal
from tests.fakes.gitlab.request_documents import (
    issue_document,
    note_document,
    request_document,
    user_document,
)
from tests.fakes.hosting import HostedRepository, User
from tests.fakes.routes import Routes

routes = Routes()
_LONGEST = 1_000_000
_LEVELS = {"read": 20, "write": 30, "admin": 40}
_REQUEST = "/projects/{id}/merge_requests/{iid}"


def _open(call: Call, id: str) -> tuple[HostedRepository, Shelf]:
    call.refuse_job()
    found = call.project(id)
    return found, call.forge.memory(Shelves).shelf(found.path)


def _writer(call: Call) -> User:
    """Who asks, where that one may write."""
    if call.user is None:
        raise Refusal(401, "401 Unauthorized")
    if call.user.login in call.forge.memory(Shelves).readers:
        raise Refusal(403, "403 Forbidden")
    return call.user


def _text(call: Call, name: str) -> str:
    text = str(call.request.json().get(name, ""))
    if len(text) > _LONGEST:
        raise Refusal(400, "400 Bad request - Note is too long")
    return text


@routes.get("/user")
def read_user(call: Call) -> Reply:
    if call.user is None or call.job:
        raise Refusal(401, "401 Unauthorized")
    more = dict.fromkeys(_UNKNOWN_OF_USER)
    return call.json(
        {
            **user_document(call, call.user),
            **more,
            "created_at": "2026-01-02T03:04:05.000Z",
            "locked": False,
            "bot": call.user.kind == "Bot",
            "followers": 0,
            "following": 0,
        }
    )


_UNKNOWN_OF_USER = (
    *("bio", "location", "public_email", "skype", "linkedin", "twitter", "discord"),
    *("website_url", "pronouns", "organization", "job_title", "work_information"),
    *("local_time", "is_followed"),
)


@routes.get("/projects/{id}/members/all")
def list_members(call: Call, id: str) -> Reply:
    _, shelf = _open(call, id)
    asked = call.request.query("query")
    members: list[dict[str, Any]] = [
        {
            **user_document(call, User(login, 70 + number)),
            "access_level": _LEVELS[role],
            "expires_at": None,
        }
        for number, (login, role) in enumerate(shelf.roles.items())
        # GitLab looks for a part of the name.
        if asked in login
    ]
    return call.page(members)


# --- merge requests ---


@routes.get(_REQUEST)
def read_request(call: Call, id: str, iid: str) -> Reply:
    found, shelf = _open(call, id)
    request = shelf.requests.get(int(iid))
    if request is None:
        raise Refusal(404, "404 Not found")
    return call.json(request_document(call, found, request, whole=True))


@routes.get("/projects/{id}/repository/commits/{sha}/merge_requests")
def requests_of_commit(call: Call, id: str, sha: str) -> Reply:
    """Those that the commit is part of, or by whose merge it came in; forks', too."""
    found, shelf = _open(call, id)
    listed = []
    for request in shelf.requests.values():
        head = request.head(found.git)
        own = {request.merge_commit}
        if head:
            start = found.git.git("merge-base", head, request.base)
            own |= {head, *found.git.between(start, head)}
        if request.merge_commit:
            own |= {request.merged_head, *request.commits}
        if sha in own:
            listed.append(request_document(call, found, request))
    return call.page(listed)


# --- notes ---


@routes.get(f"{_REQUEST}/notes")
def list_notes(call: Call, id: str, iid: str) -> Reply:
    found, shelf = _open(call, id)
    notes = [
        note_document(call, found, note)
        for note in shelf.comments.values()
        if note.number == int(iid)
    ]
    if call.request.query("sort", "desc") == "desc":
        notes.reverse()
    return call.page(notes)


@routes.post(f"{_REQUEST}/notes")
def write_note(call: Call, id: str, iid: str) -> Reply:
    found, shelf = _open(call, id)
    author = _writer(call)
    if int(iid) not in shelf.requests:
        raise Refusal(404, "404 Not found")
    number = next(call.forge.memory(Shelves).ids)
    shelf.comments[number] = Comment(number, int(iid), author, _text(call, "body"))
    return call.json(note_document(call, found, shelf.comments[number]), 201)


@routes.put(f"{_REQUEST}/notes/{{note_id}}")
def edit_note(call: Call, id: str, iid: str, note_id: str) -> Reply:
    found, shelf = _open(call, id)
    note = _own_note(call, shelf, iid, note_id)
    note.body = _text(call, "body")
    return call.json(note_document(call, found, note))


@routes.delete(f"{_REQUEST}/notes/{{note_id}}")
def delete_note(call: Call, id: str, iid: str, note_id: str) -> Reply:
    _, shelf = _open(call, id)
    del shelf.comments[_own_note(call, shelf, iid, note_id).id]
    return Reply(204)


def _own_note(call: Call, shelf: Shelf, iid: str, note_id: str) -> Comment:
    writer = _writer(call)
    note = shelf.comments.get(int(note_id))
    if note is None or note.number != int(iid):
        raise Refusal(404, "404 Not found")
    if note.author != writer:
        raise Refusal(403, "403 Forbidden")
    return note


# --- issues ---


@routes.get("/projects/{id}/issues")
def list_issues(call: Call, id: str) -> Reply:
    found, shelf = _open(call, id)
    labels = set(filter(None, call.request.query("labels").split(",")))
    return call.page(
        [
            issue_document(call, found, issue)
            for issue in reversed(shelf.issues.values())
            if labels <= set(issue.labels)
        ]
    )


@routes.post("/projects/{id}/issues")
def write_issue(call: Call, id: str) -> Reply:
    found, shelf = _open(call, id)
    author, said = _writer(call), call.request.json()
    labels = tuple(filter(None, said.get("labels", "").split(",")))
    made = Issue(
        next(shelf.numbers), author, said["title"], _text(call, "description"), labels
    )
    shelf.issues[made.number] = made
    return call.json(issue_document(call, found, made), 201)


@routes.put("/projects/{id}/issues/{iid}")
def edit_issue(call: Call, id: str, iid: str) -> Reply:
    found, shelf = _open(call, id)
    _writer(call)
    issue = shelf.issues.get(int(iid))
    if issue is None:
        raise Refusal(404, "404 Not found")
    said = call.request.json()
    issue.title = said.get("title", issue.title)
    issue.body = _text(call, "description") if "description" in said else issue.body
    events = {"close": "closed", "reopen": "open"}
    issue.state = events.get(said.get("state_event", ""), issue.state)
    return call.json(issue_document(call, found, issue))
