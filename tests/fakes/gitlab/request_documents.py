"""GitLab's documents of merge requests, notes, issues and people."""

from __future__ import annotations

from typing import Any

from tests.fakes.desk import Comment, Issue, Request
from tests.fakes.gitlab.forge import Call
from tests.fakes.hosting import HostedRepository, User

WHEN = "2026-01-02T03:04:05.000Z"
# A fork's project has a number of its own.
FORK = 9000


def user_document(call: Call, who: User) -> dict[str, Any]:
    return {
        "id": who.id,
        "username": who.login,
        "name": who.login.title(),
        "state": "active",
        "avatar_url": f"{call.forge.url}/avatar/{who.id}",
        "web_url": f"{call.forge.url}/{who.login}",
    }


def request_document(
    call: Call, found: HostedRepository, request: Request, *, whole: bool = False
) -> dict[str, Any]:
    """A merge request as in a list; `whole`: as by itself."""
    head, merged = request.head(found.git), bool(request.merge_commit)
    by_merge = request.merged_by == "merge"
    state = "opened" if request.is_open else "merged" if merged else "closed"
    base = found.git.resolve(request.base) or ""
    document: dict[str, Any] = {
        "id": 5000 + request.number,
        "iid": request.number,
        "project_id": found.id,
        "title": request.title,
        "description": None,
        "state": state,
        "created_at": WHEN,
        "updated_at": WHEN,
        "web_url": f"{call.forge.url}/{found.path}/-/merge_requests/{request.number}",
        "merged_by": user_document(call, request.author) if merged else None,
        "merged_at": WHEN if merged else None,
        "closed_by": None,
        "closed_at": None,
        "target_branch": request.base,
        "source_branch": request.branch,
        "user_notes_count": 0,
        "upvotes": 0,
        "downvotes": 0,
        "author": user_document(call, request.author),
        "assignees": [],
        "assignee": None,
        "reviewers": [],
        "source_project_id": found.id + FORK * bool(request.head_repository),
        "target_project_id": found.id,
        "labels": [],
        "draft": False,
        "work_in_progress": False,
        "milestone": None,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged",
        "detailed_merge_status": "mergeable" if request.is_open else "not_open",
        "sha": head,
        # A squash or a fast-forward has no commit of its own for the merge.
        "merge_commit_sha": request.merge_commit if by_merge else None,
        "squash_commit_sha": request.merge_commit
        if request.merged_by == "squash"
        else None,
        "discussion_locked": None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": False,
        "reference": f"!{request.number}",
        "references": _references(found, "!", request.number),
        "time_stats": _TIMES,
        "squash": request.merged_by == "squash",
        "task_completion_status": {"count": 0, "completed_count": 0},
        "prepared_at": WHEN,
        "has_conflicts": False,
        "blocking_discussions_resolved": True,
        "approvals_before_merge": None,
    }
    if whole:
        began = found.git.git("merge-base", base, head) if head else ""
        document |= {
            "subscribed": False,
            "changes_count": "1",
            "latest_build_started_at": None,
            "latest_build_finished_at": None,
            "first_deployed_to_production_at": None,
            "pipeline": None,
            "head_pipeline": None,
            "diff_refs": {"base_sha": began, "head_sha": head, "start_sha": base},
            "merge_error": None,
            "first_contribution": False,
            "user": {"can_merge": True},
        }
    return document


_TIMES = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "human_time_estimate": None,
    "human_total_time_spent": None,
}


def _references(found: HostedRepository, sign: str, number: int) -> dict[str, str]:
    short = f"{sign}{number}"
    return {"short": short, "relative": short, "full": f"{found.path}{short}"}


def note_document(call: Call, found: HostedRepository, note: Comment) -> dict[str, Any]:
    return {
        "id": note.id,
        "body": note.body,
        "attachment": None,
        "author": user_document(call, note.author),
        "created_at": WHEN,
        "updated_at": WHEN,
        "system": note.is_system,
        "noteable_id": 5000 + note.number,
        "noteable_type": "MergeRequest",
        "noteable_iid": note.number,
        "project_id": found.id,
        "resolvable": False,
    }


def issue_document(call: Call, found: HostedRepository, issue: Issue) -> dict[str, Any]:
    api = f"{call.forge.api}/projects/{found.id}"
    url = f"{api}/issues/{issue.number}"
    return {
        "id": 7000 + issue.number,
        "iid": issue.number,
        "project_id": found.id,
        "title": issue.title,
        "description": issue.body,
        "state": "opened" if issue.state == "open" else "closed",
        "type": "ISSUE",
        "author": user_document(call, issue.author),
        "assignees": [],
        "labels": list(issue.labels),
        "created_at": WHEN,
        "updated_at": WHEN,
        "closed_at": WHEN if issue.state == "closed" else None,
        "closed_by": None,
        "milestone": None,
        "upvotes": 0,
        "downvotes": 0,
        "merge_requests_count": 0,
        "user_notes_count": 0,
        "due_date": None,
        "web_url": f"{call.forge.url}/{found.path}/-/issues/{issue.number}",
        "references": _references(found, "#", issue.number),
        "time_stats": _TIMES,
        "has_tasks": False,
        "task_status": "0 of 0 checklist items completed",
        "confidential": False,
        "discussion_locked": None,
        "_links": {
            "self": url,
            "notes": f"{url}/notes",
            "award_emoji": f"{url}/award_emoji",
            "project": api,
        },
        "task_completion_status": {"count": 0, "completed_count": 0},
        "subscribed": True,
    }
