"""The sticky comment and the sticky issue on GitHub: found by header and own user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from github import GithubException

from karst.forges.github_line import GitHubLine
from karst.forges.publishing import Comment, CommentMode
from karst.forges.sticky import bears, refuse_long, write_one
from karst.report.sealed import CommentHeader, render_header

# By which the issue is found among many; made by GitHub at its first use.
ISSUE_LABEL = "karst"
_ISSUE_PAGES = 3
_COMMENT_PAGES = 100


def list_comments(line: GitHubLine, request: int) -> tuple[Comment, ...]:
    """The own user's comments, the oldest first."""
    return tuple(
        Comment(c["id"], c["html_url"], c["body"] or "")
        for c in line.ask(
            "reading the comments", lambda: list(_Comments(line, request).own())
        )
    )


def write_comment(
    line: GitHubLine, request: int, header: CommentHeader, text: str, mode: CommentMode
) -> str:
    """Write the one comment with this header; returns its address."""
    refuse_long(text, line.name, line.repository)

    def write() -> str:
        board = _Comments(line, request)
        return str(write_one(board, header, text, mode)["html_url"])

    return line.ask("writing the comment", write)


def write_issue(line: GitHubLine, header: CommentHeader, title: str, text: str) -> str:
    """Write the one issue with this header, open; returns its address."""
    body = f"{render_header(header)}\n{text}"
    refuse_long(body, line.name, line.repository)

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
    refuse_long(body, line.name, line.repository)

    def close() -> str | None:
        found = _find_issue(line, header)
        if found is None or found["state"] != "open":
            return None
        path = f"/issues/{found['number']}"
        line.send("PATCH", path, body=body, state="closed")
        return str(found["html_url"])

    return line.ask("closing the issue", close)


class _Comments:
    """A request's board; a pull request is an issue to GitHub's comments."""

    def __init__(self, line: GitHubLine, request: int) -> None:
        self._line, self._path = line, f"/issues/{request}/comments"

    def own(self) -> Iterator[Mapping[str, Any]]:
        for comment in self._line.each(self._path, _COMMENT_PAGES):
            if self._line.viewer.wrote(comment):
                yield comment

    def text(self, comment: Mapping[str, Any]) -> str | None:
        text: str | None = comment["body"]
        return text

    def add(self, text: str) -> Mapping[str, Any]:
        made: Mapping[str, Any] = self._line.send("POST", self._path, body=text)
        return made

    def edit(self, comment: Mapping[str, Any], text: str) -> bool:
        return not _gone(lambda: self._line.send("PATCH", _path(comment), body=text))

    def remove(self, comment: Mapping[str, Any]) -> None:
        _gone(lambda: self._line.send("DELETE", _path(comment)))


def _path(comment: Mapping[str, Any]) -> str:
    return f"/issues/comments/{comment['id']}"


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
        if ours and bears(issue["body"], header):
            found: Mapping[str, Any] = issue
            return found
    return None
