"""The sticky note and the sticky issue on GitLab: found by header and own user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import gitlab

from karst.forges.gitlab_line import GitLabLine
from karst.forges.publishing import Comment, CommentMode, PublishFailure
from karst.report.sealed import (
    LONGEST_COMMENT,
    CommentHeader,
    open_sealed,
    render_header,
)

ISSUE_LABEL = "karst"
_MOST_ISSUES = 300
_PER_PAGE = 100


def list_notes(line: GitLabLine, request: int) -> tuple[Comment, ...]:
    """The own user's notes, the oldest first."""
    return tuple(
        Comment(note.id, _address(line, request, note.id), note.body or "")
        for note in line.ask("reading the notes", lambda: list(_own(line, request)))
    )


def write_note(
    line: GitLabLine, request: int, header: CommentHeader, text: str, mode: CommentMode
) -> str:
    """Write the one note with this header; returns its address."""
    _refuse_long(line, text)

    def write() -> str:
        ours = [n for n in _own(line, request) if _has(n.body, header)]
        written = ours[-1] if ours and mode == "update" else None
        if written is not None and written.body != text and not _edit(written, text):
            written = None
        if written is None:
            written = _request(line, request).notes.create({"body": text})
        # The new one first: a failure in between leaves two, never none.
        for other in ours:
            if other.id != written.id:
                _gone(other.delete)
        return _address(line, request, written.id)

    return line.ask("writing the note", write)


def write_issue(line: GitLabLine, header: CommentHeader, title: str, text: str) -> str:
    """Write the one issue with this header, open; returns its address."""
    body = f"{render_header(header)}\n{text}"
    _refuse_long(line, body)

    def write() -> str:
        found = _find_issue(line, header)
        if found is None:
            wanted = {"title": title, "description": body, "labels": ISSUE_LABEL}
            return str(line.project.issues.create(wanted).web_url)
        found.title, found.description = title, body
        if found.state == "closed":
            found.state_event = "reopen"
        found.save()
        return str(found.web_url)

    return line.ask("writing the issue", write)


def close_issue(line: GitLabLine, header: CommentHeader, text: str) -> str | None:
    """Close the issue with this header; None where none is open."""
    body = f"{render_header(header)}\n{text}"
    _refuse_long(line, body)

    def close() -> str | None:
        found = _find_issue(line, header)
        if found is None or found.state != "opened":
            return None
        found.description, found.state_event = body, "close"
        found.save()
        return str(found.web_url)

    return line.ask("closing the issue", close)


def _request(line: GitLabLine, request: int) -> Any:
    return line.project.mergerequests.get(request, lazy=True)


def _own(line: GitLabLine, request: int) -> Iterator[Any]:
    notes = _request(line, request).notes.list(
        iterator=True, per_page=_PER_PAGE, order_by="created_at", sort="asc"
    )
    # GitLab's own notes ("changed the description") bear the user's name, too.
    for note in notes:
        if note.author["id"] == line.own_id and not note.system:
            yield note


def _address(line: GitLabLine, request: int, note: int) -> str:
    return f"{line.web}/-/merge_requests/{request}#note_{note}"


def _has(body: str | None, header: CommentHeader) -> bool:
    sealed = open_sealed(body or "")
    return sealed is not None and sealed.header == header


def _edit(note: Any, text: str) -> bool:
    """Write over a note; False where somebody removed it meanwhile."""
    note.body = text
    return not _gone(note.save)


def _gone(change: Callable[[], Any]) -> bool:
    try:
        change()
    except gitlab.GitlabError as error:
        if error.response_code == 404:
            return True
        raise
    return False


def _find_issue(line: GitLabLine, header: CommentHeader) -> Any:
    newest_first = line.project.issues.list(
        iterator=True, per_page=_PER_PAGE, labels=ISSUE_LABEL, scope="all"
    )
    for issue in islice(newest_first, _MOST_ISSUES):
        if issue.author["id"] == line.own_id and _has(issue.description, header):
            return issue
    return None


def _refuse_long(line: GitLabLine, text: str) -> None:
    # GitLab takes a million characters; one length for both forges is one to keep.
    if len(text) > LONGEST_COMMENT:
        raise PublishFailure(
            f"the text has {len(text)} characters, and karst writes {LONGEST_COMMENT}",
            why="refused",
            where=line.repository,
        )
