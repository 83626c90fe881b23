"""GitLab's merge requests and issues by python-gitlab: a Publisher."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import gitlab

from karst.forges.access import ForgeAccess
from karst.forges.first_parents import first_parents
from karst.forges.gitlab_line import GitLabLine
from karst.forges.gitlab_notes import close_issue, list_notes, write_issue, write_note
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

# One question each; what came in before these is said to have no receipt.
_COMMITS_LOOKED_AT = 100
# GitLab's levels of access: Maintainer, Developer, Guest.
_LEVELS: tuple[tuple[int, Permission], ...] = (
    (40, "admin"),
    (30, "write"),
    (10, "read"),
)


class GitLabRequests:
    """One project's merge requests, for one token."""

    def __init__(
        self,
        access: ForgeAccess,
        options: HttpOptions,
        repository: str,
        branch: str | None = None,
    ) -> None:
        """`branch` is the one that requests are merged into; None asks for it."""
        self._line = GitLabLine(access, options, repository)
        self._branch_given = branch

    @property
    def name(self) -> str:
        return self._line.name

    @cached_property
    def _branch(self) -> str:
        if self._branch_given:
            return self._branch_given
        return self._line.ask("reading the project", self._line.default_branch)

    def upsert_comment(
        self, request: int, header: CommentHeader, text: str, mode: CommentMode
    ) -> str:
        # A write whose answer was lost may have been done: looking first makes it safe.
        return repeated(self._line.sleep)(
            write_note, self._line, request, header, text, mode
        )

    def own_comments(self, request: int) -> tuple[Comment, ...]:
        return list_notes(self._line, request)

    def merged_requests(
        self, since: str | None, until: str
    ) -> tuple[MergedRequest, ...]:
        def find() -> tuple[MergedRequest, ...]:
            own = first_parents(self._commits(since, until), until)
            found: dict[int, MergedRequest] = {}
            for commit in own[-_COMMITS_LOOKED_AT:]:
                for request in self._requests_of(commit):
                    merged = request["state"] == "merged"
                    if merged and request["target_branch"] == self._branch:
                        found.pop(request["iid"], None)
                        found[request["iid"]] = _merged(request, commit)
            return tuple(found.values())

        return self._line.ask("looking for the merged requests", find)

    def _commits(self, since: str | None, until: str) -> dict[str, list[str]]:
        """Commits of `until` that `since` does not have, each with its parents."""
        project = self._line.project
        if since is None:
            newest = project.commits.list(ref_name=until, per_page=100, page=1)
            return {str(c.id): list(c.parent_ids) for c in newest}
        answer: Any = project.repository_compare(since, until)
        if not answer["commits"] and since != until:
            back: Any = project.repository_compare(until, since)
            if back["commits"]:
                raise PublishFailure(
                    f"{since[:12]} comes after {until[:12]}",
                    why="behind",
                    where=self._line.repository,
                )
        return {c["id"]: list(c["parent_ids"]) for c in answer["commits"]}

    def _requests_of(self, commit: str) -> list[dict[str, Any]]:
        found: Any = self._line.project.commits.get(commit, lazy=True).merge_requests()
        return list(found)

    def fork_point(self, base: str, commit: str) -> str:
        def find() -> str:
            try:
                answer: Any = self._line.project.repository_merge_base([base, commit])
            except gitlab.GitlabError as error:
                # Elsewhere that is a 404.
                if "could not find ref" not in str(error.error_message).lower():
                    raise
                raise PublishFailure(
                    f"there is no {base}, or no commit {commit[:12]}",
                    why="missing",
                    where=self._line.repository,
                ) from None
            return str(answer["id"])

        return self._line.ask("looking for where the request began", find)

    def request(self, number: int) -> RequestFacts:
        project = self._line.project
        return self._line.ask(
            f"reading request !{number}",
            lambda: self._facts(project.mergerequests.get(number).attributes),
        )

    def requests_of_head(self, commit: str) -> tuple[RequestFacts, ...]:
        def find() -> tuple[RequestFacts, ...]:
            numbers = [
                found["iid"]
                for found in self._requests_of(commit)
                if found["state"] == "opened" and found["sha"] == commit
            ]
            return tuple(self.request(number) for number in numbers)

        return self._line.ask("looking for the run's request", find)

    def _facts(self, request: dict[str, Any]) -> RequestFacts:
        is_fork = request["source_project_id"] != request["target_project_id"]
        merged = request["state"] == "merged"
        came_by = request["merge_commit_sha"] or request["squash_commit_sha"]
        return RequestFacts(
            number=request["iid"],
            head=request["sha"],
            head_repository="" if is_fork else self._line.repository,
            base_ref=request["target_branch"],
            base=(request["diff_refs"] or {}).get("start_sha") or "",
            is_fork=is_fork,
            is_open=request["state"] == "opened",
            is_merged=merged,
            # A fast-forward has neither: the head itself came in.
            merge_commit=(came_by or request["sha"]) if merged else "",
            author=(request["author"] or {}).get("username", ""),
            association="",
            url=request["web_url"],
        )

    def permission(self, user: str) -> Permission:
        def find() -> Permission:
            members = self._line.project.members_all.list(query=user, iterator=True)
            levels = [m.access_level for m in members if m.username == user]
            highest = max(levels, default=0)
            return next((name for least, name in _LEVELS if highest >= least), "none")

        return self._line.ask(f"asking what {user} may do", find)

    def read_file(self, path: str, ref: str) -> str | None:
        def read() -> str | None:
            try:
                content = self._line.project.files.raw(path, ref)
            except gitlab.GitlabError as error:
                missing = "file not found" in str(error.error_message).lower()
                if error.response_code == 404 and missing:
                    return None
                raise
            assert isinstance(content, bytes)  # noqa: S101  (not streamed)
            try:
                return content.decode()
            except UnicodeDecodeError:
                raise PublishFailure(
                    f"{path} can't be read: it is no UTF-8",
                    why="refused",
                    where=f"commit {ref[:12]}",
                ) from None

        return self._line.ask(f"reading {path}", read)

    def upsert_issue(self, header: CommentHeader, title: str, text: str) -> str:
        return repeated(self._line.sleep)(write_issue, self._line, header, title, text)

    def close_issue(self, header: CommentHeader, text: str) -> str | None:
        return repeated(self._line.sleep)(close_issue, self._line, header, text)


def _merged(request: dict[str, Any], commit: str) -> MergedRequest:
    return MergedRequest(
        number=request["iid"],
        head=request["sha"],
        commit=commit,
        title=request["title"],
        url=request["web_url"],
    )
