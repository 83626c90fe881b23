"""The sticky comment and the sticky issue on GitHub: found by header and own user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from github import GithubException

from karst.forges.github_line import GitHubLine
from karst.forges.publishing import Comment, CommentMode, PublishFailure
from karst.report.sealed import (
    LONGEST_COMMENT,
    CommentHeader,
    open_sealed,
    render_header,
)

# By which the issue is found among many; made by GitHub at its first use.
ISSUE_LABEL = "karst"
_ISSUE_PAGES = 3
_COMMENT_PAGES = 100


def list_comments(line: GitHubLine, request: int) -> tuple[Comment, ...]:
    """The own user's comments, the oldest first."""
    return tuple(
        Comment(c["id"], c["html_url"], c["body"] or "")
        for c in line.ask("reading the comments", lambda: list(_own(line, request)))
    )


def write_comment(
    line: GitHubLine, request: int, header: CommentHeader, text: str, mode: CommentMode
) -> str:
    """Write the one comment with this header; returns its address."""
    _refuse_long(line, text)

    def write() -> str:
        ours = [c for c in _own(line, request) if _has(c["body"], header)]
        written = ours[-1] if ours and mode == "update" else None
        if written and written["body"] != text and not _edit(line, written, text):
            written = None
        if written is None:
            written = line.send("POST", f"/issues/{request}/comments", body=text)
        # The new one first: a failure in between leaves two, never none.
        for other in ours:
            if other["id"] != written["id"]:
                _remove(line, other)
        return str(written["html_url"])

    return line.ask("writing the comment", write)


def write_issue(line: GitHubLine, header: CommentHeader, title: str, text: str) -> str:
    """Write the one issue with this header, open; returns its address."""
    body = f"{render_header(header)}\n{text}"
    _refuse_long(line, body)

    def write() -> str:
        found = _find_issue(line, header)
        if found is None:
            made = line.send(
                "POST", "/issues", title=title, body=body, labels=[ISSUE_LABEL]
            )
        else:
            path = f"/issues/{found['number']}"
            made = line.send("PATCH", path, title=title, body=body, state="open")
        return str(made["html_url"])

    return line.ask("writing the issue", write)


def close_issue(line: GitHubLine, header: CommentHeader, text: str) -> str | None:
    """Close the issue with this header; None where none is open."""
    body = f"{render_header(header)}\n{text}"
    _refuse_long(line, body)

    def close() -> str | None:
        found = _find_issue(line, header)
        if found is None or found["state"] != "open":
            return None
        path = f"/issues/{found['number']}"
        line.send("PATCH", path, body=body, state="closed")
        return str(found["html_url"])

    return line.ask("closing the issue", close)


def _own(line: GitHubLine, request: int) -> Iterator[Mapping[str, Any]]:
    for comment in line.each(f"/issues/{request}/comments", _COMMENT_PAGES):
        if line.viewer.wrote(comment):
            yield comment


def _path(comment: Mapping[str, Any]) -> str:
    return f"/issues/comments/{comment['id']}"


def _has(body: str | None, header: CommentHeader) -> bool:
    sealed = open_sealed(body or "")
    return sealed is not None and sealed.header == header


def _edit(line: GitHubLine, comment: Mapping[str, Any], text: str) -> bool:
    """Write over a comment; False where somebody removed it meanwhile."""
    return not _gone(lambda: line.send("PATCH", _path(comment), body=text))


def _remove(line: GitHubLine, comment: Mapping[str, Any]) -> None:
    _gone(lambda: line.send("DELETE", _path(comment)))


def _gone(change: Callable[[], Any]) -> bool:
    try:
        change()
    except GithubException as error:
        if error.status == 404:
            return True
        raise
    return False


def _find_issue(line: GitHubLine, header: CommentHeader) -> Mapping[str, Any] | None:
    newest_first = line.each(
        "/issues", _ISSUE_PAGES, state="all", labels=ISSUE_LABEL, sort="created"
    )
    for issue in newest_first:
        ours = "pull_request" not in issue and line.viewer.wrote(issue)
        if ours and _has(issue["body"], header):
            found: Mapping[str, Any] = issue
            return found
    return None


def _refuse_long(line: GitHubLine, text: str) -> None:
    if len(text) > LONGEST_COMMENT:
        raise PublishFailure(
            f"the text has {len(text)} characters, and {line.name} takes {LONGEST_COMMENT}",
            why="refused",
            where=line.repository,
        )
