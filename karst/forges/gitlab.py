"""GitLab by python-gitlab, as far as fetching needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import gitlab
import requests
from gitlab.v4.objects import Project

from karst.errors import FetchError
from karst.fetch.remote import CloneAccess, Comparison, RemoteCommit
from karst.forges.access import ForgeAccess
from karst.forges.answers import open_answers
from karst.forges.archives import AS_IT_IS, ask_hurriedly, download
from karst.forges.asking import Asking
from karst.forges.http_options import USER_AGENT, HttpOptions
from karst.forges.listed_tree import ListedEntry, listed_tree_id
from karst.forges.quiet import quiet_libraries
from karst.forges.refs import is_commit_id, split_ref
from karst.forges.refusals import Refusals
from karst.forges.sessions import open_session
from karst.forges.telling import NONSENSE, ask
from karst.forges.together import ask_together

_T = TypeVar("_T")
# A root folder with more entries is not worth so many questions.
_MOST_ENTRIES = 1000
_PER_PAGE = 100


class GitLabForge:
    """One GitLab and one identity; its methods may be called by many threads."""

    def __init__(self, access: ForgeAccess, options: HttpOptions) -> None:
        quiet_libraries()
        self._access = access
        self._options = options
        self._refusals = Refusals(access)
        answers = open_answers(options.cache, access.token, options.environ)
        asking = Asking(options, self._refusals)
        self._gitlab = open_client(access, open_session(access.api, asking, answers))
        hurried = ask_hurriedly(options, self._refusals)
        self._downloads = open_client(access, open_session(access.api, hurried, None))

    def close(self) -> None:
        """End the connections."""
        for client in (self._gitlab, self._downloads):
            client.session.close()

    @property
    def name(self) -> str:
        return self._refusals.name

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        where = self._refusals.where(repository, ref)
        name = ref or "HEAD"
        if ref is None or split_ref(name).kind or is_commit_id(name):
            found = self._find(repository, name, where)
        else:
            found, has_two = ask_together(
                lambda: self._find(repository, name, where),
                lambda: self._is_ambiguous(repository, name, where),
            )
            if found and has_two():
                raise self._refusals.ambiguous_ref(where, name)
        if found is None and ref is None:
            # The same answer for a project that was never pushed to.
            raise self._refusals.empty(where)
        if found is None:
            raise self._refusals.no_ref(where, name)
        sha, page = found
        repository = self._canonical(page, sha, repository)
        return RemoteCommit(repository, sha, self._tree(repository, sha), name)

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        where = self._refusals.where(repository, commit)

        def send() -> requests.Response:
            return self._downloads.http_request(
                "get",
                f"/projects/{quote(repository, safe='')}/repository/archive.tar.gz",
                query_data={"sha": commit},
                streamed=True,
                extra_headers=AS_IT_IS,
            )

        download(
            lambda: self._ask(where, send),
            into,
            limit=limit,
            options=self._options,
            refusals=self._refusals,
            where=where,
        )

    def clone_access(self, repository: str) -> CloneAccess:
        job = self._access.scheme == "job"
        url = f"{self._access.web}/{repository}.git"
        user = "gitlab-ci-token" if job else "oauth2"
        return CloneAccess(url, user, self._access.token)

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        url = f"{self._access.web}/{repository}/-/compare/{old}...{new}"

        def count() -> tuple[int, int]:
            # Each way shows only what the second commit has and the first lacks.
            project = self._project(repository)
            there: Any = project.repository_compare(old, new)
            back: Any = project.repository_compare(new, old)
            return len(there["commits"]), len(back["commits"])

        try:
            where = self._refusals.where(repository)
            return Comparison(url, *self._ask(where, count))
        except FetchError:
            # The page is worth showing where nobody can count.
            return Comparison(url, None)

    def _find(self, repository: str, ref: str, where: str) -> tuple[str, str] | None:
        """Id and page of a commit; None where the ref is not there."""

        def find() -> tuple[str, str] | None:
            try:
                commit = self._project(repository).commits.get(ref)
                return str(commit.id), str(commit.web_url)
            except gitlab.GitlabError as error:
                missing = "commit not found" in str(error.error_message).lower()
                if error.response_code == 404 and missing:
                    return None
                raise

        found = self._ask(where, find)
        if found and not is_commit_id(found[0]):
            raise self._refusals.strange(where)
        return found

    def _is_ambiguous(self, repository: str, ref: str, where: str) -> bool:
        """Whether a branch and a tag share a name: GitLab takes one in silence."""

        def commit_of(listed: Any) -> str | None:
            # The search is by substring; `^` and `$` mean the name's ends.
            found = listed.list(search=f"^{ref}$", get_all=False)
            return next((str(f.commit["id"]) for f in found if f.name == ref), None)

        def is_shared() -> bool:
            project = self._project(repository)
            tag = commit_of(project.tags)
            branch = commit_of(project.branches) if tag else None
            return branch is not None and branch != tag

        return self._ask(where, is_shared)

    def _tree(self, repository: str, commit: str) -> str | None:
        """The root's tree id, made of its listed entries; None where they can't be had."""

        def read() -> list[ListedEntry]:
            listed = self._project(repository).repository_tree(
                ref=commit, per_page=_PER_PAGE, iterator=True, pagination="keyset"
            )
            found = []
            for entry in listed:
                found.append(ListedEntry(entry["mode"], entry["name"], entry["id"]))
                if len(found) > _MOST_ENTRIES:
                    return []
            return found

        try:
            return listed_tree_id(self._ask("", read))
        except FetchError:
            return None

    def _canonical(self, page: str, sha: str, repository: str) -> str:
        """The path in the address of a commit's page: so the project is spelled now."""
        path = urlsplit(page).path.removeprefix(urlsplit(self._access.web).path)
        end = f"/-/commit/{sha}"
        return path.removesuffix(end).strip("/") if path.endswith(end) else repository

    def _project(self, repository: str) -> Project:
        return self._gitlab.projects.get(repository, lazy=True)

    def _ask(self, where: str, question: Callable[[], _T]) -> _T:
        def translate(error: Exception) -> FetchError | None:
            if isinstance(error, gitlab.GitlabHttpError | gitlab.GitlabError):
                status = error.response_code
                if status is None:
                    return self._refusals.strange(where)
                said = error.error_message
                return self._refusals.by_status(status, where, str(said or ""))
            # A circle of redirects, or one to nowhere.
            if isinstance(error, (*NONSENSE, requests.RequestException)):
                return self._refusals.strange(where)
            return None

        return ask(where, question, translate)


class _Gitlab(gitlab.Gitlab):
    """python-gitlab without patience of its own: the session has it."""

    def http_request(self, *arguments: Any, **options: Any) -> requests.Response:
        options["obey_rate_limit"] = False
        return super().http_request(*arguments, **options)


def open_client(access: ForgeAccess, session: requests.Session) -> gitlab.Gitlab:
    """The library with this token, over this session."""
    token = access.token.reveal() if access.token else None
    job = access.scheme == "job"
    return _Gitlab(
        access.web,
        # As a bearer's, access tokens of every kind and OAuth tokens are taken.
        oauth_token=None if job else token,
        job_token=token if job else None,
        user_agent=USER_AGENT,
        session=session,
        keep_base_url=True,
    )
