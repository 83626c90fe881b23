"""Bitbucket by httpx, as far as fetching needs it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx

from karst.errors import FetchError
from karst.fetch.remote import CloneAccess, Comparison, RemoteCommit
from karst.forges.access import ForgeAccess
from karst.forges.answers import open_answers
from karst.forges.archives import ask_hurriedly, get_whole
from karst.forges.asking import Asking
from karst.forges.downloads import BrokenOffError, write_archive
from karst.forges.failures import say_failure
from karst.forges.http_options import HttpOptions
from karst.forges.httpx_line import HttpxLine, read_document
from karst.forges.refs import is_commit_id, is_short_id, split_ref
from karst.forges.refusals import LimitedError, Refusals, UnreachableError
from karst.forges.telling import about

# An account's API token, and an access token of a repository, project or workspace.
_ACCOUNT_USER, _ACCESS_USER = "x-bitbucket-api-token-auth", "x-token-auth"
_REPOSITORY_FIELDS = "full_name,mainbranch.name"
_REF_FIELDS = "values.name,values.type,values.target.hash,next"
_PAGE = 100
# A comparison with more commits than this is not counted.
_MOST_PAGES = 10


class BitbucketForge:
    """Bitbucket and one identity; its methods may be called by many threads."""

    def __init__(self, access: ForgeAccess, options: HttpOptions) -> None:
        self._access = access
        self._options = options
        self._refusals = Refusals(access)
        answers = open_answers(options.cache, access.token, options.environ)
        own, headers = (access.api, access.web), _token_headers(access)
        asking = Asking(options, self._refusals)
        self._line = HttpxLine(own, headers, asking, answers)
        hurried = ask_hurriedly(options, self._refusals)
        self._downloads = HttpxLine(own, headers, hurried, None)

    def close(self) -> None:
        """End the connections."""
        self._line.close()
        self._downloads.close()

    @property
    def name(self) -> str:
        return self._refusals.name

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        where = self._refusals.where(repository, ref)
        facts = self._ask(where, self._path(repository), fields=_REPOSITORY_FIELDS)
        canonical = facts.get("full_name")
        if not isinstance(canonical, str):
            raise self._refusals.strange(where)
        if ref is None:
            branch = (facts.get("mainbranch") or {}).get("name")
            if not branch:
                raise self._refusals.empty(where)
            sha = self._find_named(canonical, f"refs/heads/{branch}", where)
            # Bitbucket names a main branch before anybody has pushed it.
            if sha is None:
                raise self._refusals.empty(where)
            ref = str(branch)
        else:
            sha = None if is_commit_id(ref) else self._find_named(canonical, ref, where)
            if sha is None and (is_commit_id(ref) or is_short_id(ref)):
                sha = self._find_commit(canonical, ref, where)
        if sha is None:
            raise self._refusals.no_ref(where, ref)
        if not is_commit_id(sha):
            raise self._refusals.strange(where)
        return RemoteCommit(canonical, sha, None, ref)

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        where = self._refusals.where(repository, commit)
        url = f"{self._access.web}/{repository}/get/{commit}.tar.gz"
        options = self._options.for_archives
        begun = options.monotonic()

        def once() -> None:
            try:
                with self._downloads.stream(url) as answer:
                    if answer.status_code != 200:
                        raise self._refusals.by_status(answer.status_code, where)
                    length = answer.headers.get("content-length", "")
                    write_archive(
                        answer.iter_raw(65536),
                        into,
                        length=int(length) if length.isdigit() else None,
                        limit=limit,
                        options=options,
                        begun=begun,
                        where=where,
                    )
                return
            except httpx.HTTPError as error:
                why = say_failure(error)
            raise BrokenOffError(why)

        get_whole(once, options, begun, where)

    def clone_access(self, repository: str) -> CloneAccess:
        user = _ACCOUNT_USER if self._access.email else _ACCESS_USER
        url = f"{self._access.web}/{repository}.git"
        return CloneAccess(url, user, self._access.token)

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        # The separator is a carriage return, as in Bitbucket's own links.
        url = f"{self._access.web}/{repository}/branches/compare/{new}%0D{old}"
        where = self._refusals.where(repository, new)
        try:
            behind = self._list_beyond(repository, where, old, new, size=1, pages=1)
            ahead = self._list_beyond(
                repository, where, new, old, size=_PAGE, pages=_MOST_PAGES
            )
        except FetchError:
            # The page is worth showing where nobody can count.
            return Comparison(url, None)
        counted, is_all = ahead
        return Comparison(url, counted if is_all else None, behind[0])

    def _list_beyond(
        self,
        repository: str,
        where: str,
        tip: str,
        known: str,
        *,
        size: int,
        pages: int,
    ) -> tuple[int, bool]:
        """Count what `tip` has and `known` lacks; False where there is more."""
        count = 0
        for page in range(1, pages + 1):
            listed = self._ask(
                where,
                f"{self._path(repository)}/commits/{tip}",
                exclude=known,
                pagelen=str(size),
                page=str(page),
                fields="values.hash,next",
            )
            count += len(listed.get("values") or ())
            if not listed.get("next"):
                return count, True
        return count, False

    def _path(self, repository: str) -> str:
        return f"{self._access.api}/repositories/{repository}"

    def _find_named(self, repository: str, ref: str, where: str) -> str | None:
        """The commit of a branch or tag; None where there is none of that name."""
        written = split_ref(ref)
        name = written.name.replace("\\", "\\\\").replace('"', '\\"')
        folder = {"heads": "refs/branches", "tags": "refs/tags"}.get(
            written.kind, "refs"
        )
        listed = self._ask(
            where,
            f"{self._path(repository)}/{folder}",
            q=f'name = "{name}"',
            fields=_REF_FIELDS,
        )
        found = {
            str((entry.get("target") or {}).get("hash"))
            for entry in listed.get("values") or ()
            if entry.get("name") == written.name
        }
        if len(found) > 1:
            raise self._refusals.ambiguous_ref(where, ref)
        return next(iter(found), None)

    def _find_commit(self, repository: str, ref: str, where: str) -> str | None:
        url = f"{self._path(repository)}/commit/{ref}"
        answer = self._get(where, url, {"fields": "hash"})
        if answer.status_code == 404:
            return None
        return str(self._accept(answer, where).get("hash"))

    def _ask(self, where: str, url: str, **query: str) -> dict[str, Any]:
        return self._accept(self._get(where, url, query), where)

    def _get(self, where: str, url: str, query: dict[str, str]) -> httpx.Response:
        try:
            return self._line.get(url, query)
        except (LimitedError, UnreachableError) as error:
            told = about(where, error)
        raise told

    def _accept(self, answer: httpx.Response, where: str) -> dict[str, Any]:
        document = read_document(answer)
        if answer.status_code != 200:
            error = document.get("error")
            said = error.get("message") if isinstance(error, dict) else ""
            raise self._refusals.by_status(answer.status_code, where, str(said or ""))
        if not document:
            raise self._refusals.strange(where)
        return document


def _token_headers(access: ForgeAccess) -> dict[str, str]:
    if access.token is None:
        return {}
    token = access.token.reveal()
    if access.scheme != "basic":
        return {"Authorization": f"Bearer {token}"}
    pair = base64.b64encode(f"{access.email}:{token}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
