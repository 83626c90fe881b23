"""GitHub by PyGithub, as far as fetching needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from github import Auth, BadAttributeException, GithubException
from github.Repository import Repository
from github.Requester import Requester

from karst.errors import FetchError
from karst.fetch.remote import CloneAccess, Comparison, RemoteCommit
from karst.forges.access import ForgeAccess
from karst.forges.answers import open_answers
from karst.forges.archives import AS_IT_IS, ask_hurriedly, download
from karst.forges.asking import Asking
from karst.forges.github_app import AppTokens
from karst.forges.github_requester import open_requester
from karst.forges.http_options import HttpOptions
from karst.forges.refs import is_commit_id, split_ref
from karst.forges.refusals import Refusals
from karst.forges.sessions import open_session
from karst.forges.telling import NONSENSE, ask
from karst.forges.together import ask_together
from karst.secret import Secret

_T = TypeVar("_T")
_CLONE_USER = "x-access-token"


class GitHubForge:
    """One GitHub and one identity; its methods may be called by many threads."""

    def __init__(self, access: ForgeAccess, options: HttpOptions) -> None:
        self._access = access
        self._options = options
        self._refusals = Refusals(access)
        self._asking = Asking(options, self._refusals)
        self._hurried = ask_hurriedly(options, self._refusals)
        # It is of no host, so it shows a token to none.
        self._downloads = open_session("", self._hurried, None)
        self._lock = threading.Lock()
        self._requesters: dict[tuple[Secret | None, bool], Requester] = {}
        self._app: AppTokens | None = None
        self._sessions = [self._downloads]
        if access.app:
            session = open_session(access.api, self._asking, None)
            self._sessions.append(session)
            self._app = AppTokens(
                access.app, access.api, session, self._refusals, options.now
            )

    def close(self) -> None:
        """End the connections."""
        for session in self._sessions:
            session.close()

    @property
    def name(self) -> str:
        return self._refusals.name

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        where = self._refusals.where(repository, ref)
        written = split_ref(ref or "HEAD")
        asked = f"{written.kind}/{written.name}" if written.kind else written.name
        if ref is None or written.kind or is_commit_id(ref):
            found = self._find(repository, asked, where)
        else:
            found, is_tag = ask_together(
                lambda: self._find(repository, asked, where),
                lambda: self._has(repository, f"tags/{asked}", where),
            )
            if found and is_tag() and self._has(repository, f"heads/{asked}", where):
                self._refuse_ambiguous(repository, ref, where)
        ref = ref or "HEAD"
        if found is None:
            raise self._refusals.no_ref(where, ref)
        sha, tree, page = found
        return RemoteCommit(self._canonical(page, sha, repository), sha, tree, ref)

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        where = self._refusals.where(repository, commit)

        def find_address() -> str:
            found = self._repository(repository, hurried=True)
            return found.get_archive_link("tarball", commit)

        def open_answer() -> requests.Response:
            # The address has a word of its own that lets in: no token is shown there.
            address = self._ask(where, find_address)
            return self._downloads.get(address, stream=True, headers=AS_IT_IS)

        download(
            open_answer,
            into,
            limit=limit,
            options=self._options,
            refusals=self._refusals,
            where=where,
        )

    def clone_access(self, repository: str) -> CloneAccess:
        url = f"{self._access.web}/{repository}.git"
        return CloneAccess(url, _CLONE_USER, self._token(repository))

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        url = f"{self._access.web}/{repository}/compare/{old}...{new}"
        where = self._refusals.where(repository, new)

        def count() -> tuple[int, int]:
            compared = self._repository(repository).compare(
                old, new, comparison_commits_per_page=1
            )
            return compared.ahead_by, compared.behind_by

        try:
            return Comparison(url, *self._ask(where, count))
        except FetchError:
            # The page is worth showing where nobody can count.
            return Comparison(url, None)

    def _find(
        self, repository: str, ref: str, where: str
    ) -> tuple[str, str, str] | None:
        """Id, tree and page of a commit; None where the ref is not there."""

        def find() -> tuple[str, str, str] | None:
            try:
                # One file of its list is enough: none of them is read.
                commit = (
                    self._repository(repository)
                    .get_commit(ref, commit_files_per_page=1)
                    .complete()
                )
                return commit.sha, commit.commit.tree.sha, commit.html_url
            except GithubException as error:
                if error.status != 422:
                    raise
            return None

        found = self._ask(where, find)
        if found and not (is_commit_id(found[0]) and is_commit_id(found[1])):
            raise self._refusals.strange(where)
        return found

    def _has(self, repository: str, name: str, where: str) -> bool:
        """Whether there is exactly `heads/x` or `tags/x`."""

        def has() -> bool:
            listed = self._repository(repository).get_git_matching_refs(name)
            return any(found.ref == f"refs/{name}" for found in listed)

        return self._ask(where, has)

    def _refuse_ambiguous(self, repository: str, ref: str, where: str) -> None:
        """Refuse a name that a branch and a tag share: GitHub takes one in silence."""
        tag = self._find(repository, f"tags/{ref}", where)
        if tag != self._find(repository, f"heads/{ref}", where):
            raise self._refusals.ambiguous_ref(where, ref)

    def _canonical(self, page: str, sha: str, repository: str) -> str:
        """The repository's path in the address of a commit's page: so it is spelled now."""
        path = urlsplit(page).path.removeprefix(urlsplit(self._access.web).path)
        end = f"/commit/{sha}"
        named = path.removesuffix(end).strip("/")
        return named if path.endswith(end) and named.count("/") == 1 else repository

    def _repository(self, repository: str, *, hurried: bool = False) -> Repository:
        requester = self._requester(self._token(repository), hurried=hurried)
        return Repository(requester, url=f"/repos/{repository}")

    def _token(self, repository: str) -> Secret | None:
        installed = self._app.find(repository) if self._app else None
        return installed or self._access.token

    def _requester(self, token: Secret | None, *, hurried: bool) -> Requester:
        with self._lock:
            known = self._requesters.get((token, hurried))
            if known is None:
                session = self._session(token, hurried=hurried)
                self._sessions.append(session)
                auth = Auth.Token(token.reveal()) if token else None
                known = open_requester(self._access.api, auth, session)
                self._requesters[token, hurried] = known
            return known

    def _session(self, token: Secret | None, *, hurried: bool) -> requests.Session:
        if hurried:
            return open_session(self._access.api, self._hurried, None)
        options = self._options
        answers = open_answers(options.cache, token, options.environ)
        return open_session(self._access.api, self._asking, answers)

    def _ask(self, where: str, question: Callable[[], _T]) -> _T:
        def translate(error: Exception) -> FetchError | None:
            # PyGithub calls a redirect to another host a RuntimeError.
            if isinstance(error, (*NONSENSE, BadAttributeException, RuntimeError)):
                return self._refusals.strange(where)
            if not isinstance(error, GithubException):
                return None
            if error.status == 409:
                return self._refusals.empty(where)
            said = error.data.get("message") if isinstance(error.data, dict) else ""
            return self._refusals.by_status(error.status, where, str(said or ""))

        return ask(where, question, translate)
