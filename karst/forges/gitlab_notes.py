"""The sticky note and the sticky issue on GitLab: found by header and own user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import gitlab

from karst.forges.gitlab_line import GitLabLine
from karst.forges.publishing import Comment, CommentMode
from karst.forges.sticky import bears, refuse_long, write_one
from karst.report.sealed import CommentHeader, render_header

ISSUE_LABEL = "karst"
_MOST_ISSUES = 300
_PER_PAGE = 100


def list_notes(line: GitLabLine, request: int) -> tuple[Comment, ...]:
    """The own user's notes, the oldest first."""
    return tuple(
        Comment(note.id, _address(line, request, note.id), note.body or "")
        for note in line.ask(
            "reading the notes", lambda: list(_Notes(line, request).own())
        )
    )


def write_note(
    line: GitLabLine, request: int, header: CommentHeader, text: str, mode: CommentMode
) -> str:
    """Write the one note with this header; returns its address."""
    refuse_long(text, "GitLab", line.repository)

    def write() -> str:
        written = write_one(_Notes(line, request), header, text, mode)
        return _address(line, request, written.id)

    return line.ask("writing the note", write)


def write_issue(line: GitLabLine, header: CommentHeader, title: str, text: str) -> str:
    """Write the one issue with this header, open; returns its address."""
    body = f"{render_header(header)}\n{text}"
    refuse_long(body, "GitLab", line.repository)

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
    refuse_long(body, "GitLab", line.repository)

    def close() -> str | None:
        found = _find_issue(line, header)
        if found is None or found.state != "opened":
            return None
        found.description, found.state_event = body, "close"
        found.save()
        return str(found.web_url)

    return line.ask("closing the issue", close)


class _Notes:
    """A request's board."""

    def __init__(self, line: GitLabLine, request: int) -> None:
        self._own_id = line.own_id
        self._notes = line.project.mergerequests.get(request, lazy=True).notes

    def own(self) -> Iterator[Any]:
        notes = self._notes.list(
            iterator=True, per_page=_PER_PAGE, order_by="created_at", sort="asc"
        )
        # GitLab's own notes ("changed the description") bear the user's name, too.
        for note in notes:
            if note.author["id"] == self._own_id and not note.system:
                yield note

    def text(self, note: Any) -> str | None:
        text: str | None = note.body
        return text

    def add(self, text: str) -> Any:
        return self._notes.create({"body": text})

    def edit(self, note: Any, text: str) -> bool:
        note.body = text
        return not _gone(note.save)

    def remove(self, note: Any) -> None:
        _gone(note.delete)


def _address(line: GitLabLine, request: int, note: int) -> str:
    return f"{line.web}/-/merge_requests/{request}#note_{note}"


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
        if issue.author["id"] == line.own_id and bears(issue.description, header):
            return issue
    return None
