"""GitHub's requests and issues by PyGithub: a Publisher."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

from github import GithubException

from karst.forges.access import ForgeAccess
from karst.forges.github_comments import (
    close_issue,
    list_comments,
    write_comment,
    write_issue,
)
from karst.forges.github_history import find_merged
from karst.forges.github_line import GitHubLine
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import (
    Comment,
    CommentHeader,
    CommentMode,
    MergedRequest,
    Permission,
    PublishFailure,
    RequestFacts,
)
from karst.forges.repeating import repeated

_PULLS_PAGES = 5


class GitHubRequests:
    """One repository's requests, for one token."""

    def __init__(
        self,
        access: ForgeAccess,
        options: HttpOptions,
        repository: str,
        branch: str | None = None,
    ) -> None:
        """`branch` is the one that requests are merged into; None asks for it."""
        self._line = GitHubLine(access, options, repository)
        self._branch_given = branch

    @property
    def name(self) -> str:
        return self._line.name

    @cached_property
    def _branch(self) -> str:
        if self._branch_given:
            return self._branch_given
        line = self._line
        return line.ask(
            "reading the repository", lambda: str(line.get("")["default_branch"])
        )

    def upsert_comment(
        self, request: int, header: CommentHeader, text: str, mode: CommentMode
    ) -> str:
        # A write whose answer was lost may have been done: looking first makes it safe.
        return repeated(self._line.sleep)(
            write_comment, self._line, request, header, text, mode
        )

    def own_comments(self, request: int) -> tuple[Comment, ...]:
        return list_comments(self._line, request)

    def merged_requests(
        self, since: str | None, until: str
    ) -> tuple[MergedRequest, ...]:
        return find_merged(self._line, self._branch, since, until)

    def fork_point(self, base: str, commit: str) -> str:
        path = f"/compare/{quote(base)}...{quote(commit)}"
        return self._line.ask(
            "looking for where the request began",
            lambda: str(self._line.get(path, per_page=1)["merge_base_commit"]["sha"]),
        )

    def request(self, number: int) -> RequestFacts:
        line = self._line
        return line.ask(
            f"reading request #{number}",
            lambda: _facts(line.get(f"/pulls/{number}"), line.repository),
        )

    def requests_of_head(self, commit: str) -> tuple[RequestFacts, ...]:
        # GitHub's list of a commit's requests leaves out those of forks.
        def find() -> tuple[RequestFacts, ...]:
            newest_first = self._line.each(
                "/pulls", _PULLS_PAGES, state="open", sort="updated", direction="desc"
            )
            return tuple(
                _facts(pull, self._line.repository)
                for pull in newest_first
                if pull["head"]["sha"] == commit
            )

        return self._line.ask("looking for the run's request", find)

    def permission(self, user: str) -> Permission:
        def find() -> Permission:
            try:
                said = self._line.api.get_collaborator_permission(user)
            except GithubException as error:
                if error.status == 404:
                    return "none"
                raise
            known: dict[str, Permission] = {
                "admin": "admin",
                "write": "write",
                "read": "read",
            }
            return known.get(said, "none")

        return self._line.ask(f"asking what {user} may do", find)

    def read_file(self, path: str, ref: str) -> str | None:
        def read() -> str | None:
            try:
                found = self._line.api.get_contents(path, ref=ref)
            except GithubException as error:
                # An unknown commit is a 404 as well, and no file that is not there.
                if error.status == 404 and "No commit found" not in str(error.data):
                    return None
                raise
            if isinstance(found, list) or found.type != "file":
                return None
            if found.encoding != "base64":
                raise _unreadable(path, ref, "it is larger than 1 MB")
            try:
                return found.decoded_content.decode()
            except UnicodeDecodeError:
                raise _unreadable(path, ref, "it is no UTF-8") from None

        return self._line.ask(f"reading {path}", read)

    def upsert_issue(self, header: CommentHeader, title: str, text: str) -> str:
        return repeated(self._line.sleep)(write_issue, self._line, header, title, text)

    def close_issue(self, header: CommentHeader, text: str) -> str | None:
        return repeated(self._line.sleep)(close_issue, self._line, header, text)


def _facts(pull: Any, repository: str) -> RequestFacts:
    head, base = pull["head"], pull["base"]
    there = (head.get("repo") or {}).get("full_name") or ""
    merged = bool(pull["merged_at"])
    return RequestFacts(
        number=pull["number"],
        head=head["sha"],
        head_repository=there,
        base_ref=base["ref"],
        base=base["sha"],
        is_fork=there.lower() != repository.lower(),
        is_open=pull["state"] == "open",
        is_merged=merged,
        merge_commit=(pull["merge_commit_sha"] or "") if merged else "",
        author=(pull["user"] or {}).get("login", ""),
        association=pull["author_association"],
        url=pull["html_url"],
    )


def _unreadable(path: str, ref: str, why: str) -> PublishFailure:
    return PublishFailure(
        f"{path} can't be read: {why}", why="refused", where=f"commit {ref[:12]}"
    )
