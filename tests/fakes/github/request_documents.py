"""GitHub's documents of requests, comments and issues, from what the fake remembers."""

from __future__ import annotations

from typing import Any

from tests.fakes.desk import Comment, Issue, Request
from tests.fakes.github.documents import repository_document, user_document
from tests.fakes.github.forge import Call, HostedRepository, User

WHEN = "2026-01-02T03:04:05Z"


def user(call: Call, who: User) -> dict[str, Any]:
    return user_document(call.forge.api, who.login, who.id, who.kind)


def request_document(
    call: Call, found: HostedRepository, request: Request, *, whole: bool
) -> dict[str, Any]:
    """A "pull-request-simple"; `whole`: a "pull-request"."""
    api, web = call.forge.api, call.forge.url
    url = f"{api}/repos/{found.path}/pulls/{request.number}"
    issue = f"{api}/repos/{found.path}/issues/{request.number}"
    html = f"{web}/{found.path}/pull/{request.number}"
    head = request.head(found.git)
    links = {
        "self": url,
        "html": html,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/repos/{found.path}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/repos/{found.path}/statuses/{head}",
    }
    document = {
        "url": url,
        "id": 5000 + request.number,
        "node_id": f"PR_{request.number}",
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": request.number,
        "state": "open" if request.is_open else "closed",
        "locked": False,
        "title": request.title,
        "user": user(call, request.author),
        "body": None,
        "labels": [],
        "milestone": None,
        "created_at": WHEN,
        "updated_at": WHEN,
        "closed_at": None if request.is_open else WHEN,
        "merged_at": WHEN if request.merge_commit else None,
        "merge_commit_sha": request.merge_commit or None,
        "assignee": None,
        "head": _side(call, found, request.branch, head, request.head_repository),
        "base": _side(
            call, found, request.base, found.git.resolve(request.base) or "", ""
        ),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": request.association,
        "auto_merge": None,
    }
    if whole:
        document |= {
            "additions": 1,
            "changed_files": 1,
            "comments": 0,
            "commits": 1,
            "deletions": 0,
            "mergeable": True if request.is_open else None,
            "mergeable_state": "clean",
            "merged": bool(request.merge_commit),
            "maintainer_can_modify": False,
            "merged_by": None,
            "review_comments": 0,
        }
    return document


def _side(
    call: Call, found: HostedRepository, ref: str, sha: str, elsewhere: str
) -> dict[str, Any]:
    path = elsewhere or found.path
    owner = path.partition("/")[0]
    repository = repository_document(
        call.forge.api,
        call.forge.url,
        path,
        found.id + 900 * bool(elsewhere),
        private=found.private,
        default_branch=found.default_branch,
    )
    who = user_document(call.forge.api, owner, 100)
    return {
        "label": f"{owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "repo": {**repository, "has_downloads": True},
        "user": who,
    }


def comment_document(
    call: Call, found: HostedRepository, comment: Comment
) -> dict[str, Any]:
    """An "issue-comment"."""
    api = f"{call.forge.api}/repos/{found.path}/issues"
    page = f"{call.forge.url}/{found.path}/pull/{comment.number}"
    return {
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "url": f"{api}/comments/{comment.id}",
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{api}/{comment.number}",
        "user": user(call, comment.author),
        "created_at": WHEN,
        "updated_at": WHEN,
        "body": comment.body,
        "author_association": "NONE",
        "performed_via_github_app": None,
    }


def issue_document(call: Call, found: HostedRepository, issue: Issue) -> dict[str, Any]:
    api = f"{call.forge.api}/repos/{found.path}"
    url = f"{api}/issues/{issue.number}"
    return {
        "id": 7000 + issue.number,
        "node_id": f"I_{issue.number}",
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{call.forge.url}/{found.path}/issues/{issue.number}",
        "number": issue.number,
        "state": issue.state,
        "title": issue.title,
        "body": issue.body,
        "user": user(call, issue.author),
        "labels": [{"name": name} for name in issue.labels],
        "assignee": None,
        "milestone": None,
        "locked": False,
        "comments": 0,
        "closed_at": WHEN if issue.state == "closed" else None,
        "created_at": WHEN,
        "updated_at": WHEN,
        "author_association": "NONE",
    }
