"""Sentences for what a forge refuses, each naming the slug it was about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from karst.errors import FetchError
from karst.forges.access import ForgeAccess
from karst.forges.refs import is_short_id
from karst.secret import redact

_TOKENS = {"gh": "GITHUB_TOKEN", "gl": "GITLAB_TOKEN", "bb": "BITBUCKET_TOKEN"}
_READS: Mapping[str, str] = {
    "gh": "'Contents: read' on that repository",
    "gl": "the scope read_api (and read_repository for cloning)",
    "bb": "the scope read:repository:bitbucket",
}
_PUBLIC = {"gh": "GitHub", "gl": "GitLab", "bb": "Bitbucket"}
_HOSTS = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}


class LimitedError(FetchError):
    """The forge wants to be left alone for longer than there is time."""


class UnreachableError(FetchError):
    """The forge gave no answer."""


@dataclass(frozen=True)
class Refusals:
    """One forge's sentences."""

    access: ForgeAccess

    @property
    def name(self) -> str:
        """The forge for people, with its host where that is not the public one."""
        kind, host = self.access.kind, self.access.host
        return _PUBLIC[kind] + ("" if host == _HOSTS[kind] else f" at {host}")

    @property
    def token(self) -> str:
        """The variable whose token is used, or would be."""
        if self.access.app:
            return "GITHUB_APP_PRIVATE_KEY"
        return (
            "CI_JOB_TOKEN" if self.access.scheme == "job" else _TOKENS[self.access.kind]
        )

    def where(self, repository: str, ref: str | None = None) -> str:
        """The slug, as it stands in repos.yaml."""
        return f"{self.access.kind}:{repository}" + (f"#{ref}" if ref else "")

    @property
    def _identified(self) -> bool:
        return self.access.token is not None or self.access.app is not None

    def by_status(self, status: int, where: str, said: str = "") -> FetchError:
        """Return the error for an HTTP status; `said` is the forge's own message."""
        detail = redact(" ".join(said.split())[:300], self.access.secrets)
        if status == 404:
            return self.unseen(where)
        if status == 401:
            return FetchError(
                f"{self.name} does not accept the token",
                where=where,
                remedy=f"check {self.token}: it may be expired, revoked or of another host",
                detail=detail,
            )
        if status == 403:
            return FetchError(
                f"{self.name} forbids it",
                where=where,
                remedy=f"{self.token} needs {_READS[self.access.kind]}",
                detail=detail,
            )
        return FetchError(
            f"{self.name} answered with HTTP {status}",
            where=where,
            remedy="run it again later" if status >= 500 else "",
            detail=detail,
        )

    def unseen(self, where: str) -> FetchError:
        """A 404: not there, or hidden from this token; the forge does not say which."""
        if self._identified:
            return FetchError(
                f"{self.name} has no such repository, or the token may not see it",
                where=where,
                remedy=f"check the name, and that {self.token} has {_READS[self.access.kind]}",
            )
        return FetchError(
            f"{self.name} has no such repository, or it is private",
            where=where,
            remedy=f"check the name; where it is private, set {self.token}",
        )

    def strange(self, where: str) -> FetchError:
        """An answer that is not what this forge's API says."""
        return FetchError(
            f"{self.name} gave an answer that can't be read",
            where=where,
            remedy=f"check that {self.access.api} is the address of its API",
        )

    def no_ref(self, where: str, ref: str) -> FetchError:
        remedy = "look at the repository's branches and tags for the name"
        if is_short_id(ref):
            remedy = "only one commit may begin with a short id: write more of it"
        return FetchError(
            f"there is no branch, tag or commit '{ref}'", where=where, remedy=remedy
        )

    def ambiguous_ref(self, where: str, ref: str) -> FetchError:
        return FetchError(
            f"'{ref}' is both a branch and a tag, of different commits",
            where=where,
            remedy=f"write '#refs/heads/{ref}' for the branch, '#refs/tags/{ref}' for the tag",
        )

    def empty(self, where: str) -> FetchError:
        return FetchError(
            "the repository is empty: it has no commit yet",
            where=where,
            remedy="push a first commit to it",
        )

    def limited(self, where: str, until: str) -> LimitedError:
        """`until` says when the limit ends, "" where nobody knows."""
        when = f" until {until}" if until else ""
        return LimitedError(
            f"{self.name} answers no more requests{when}: its rate limit is used up",
            where=where,
            remedy="run it again then"
            if self._identified
            else f"set {self.token}: with a token the limit is much higher",
        )

    def unreachable(self, where: str, why: str) -> UnreachableError:
        """`why` is the kind of failure in words, never a URL with a query."""
        return UnreachableError(
            f"{self.name} can't be reached: {why}",
            where=where,
            remedy="check the network, the proxy variables and the forge's address",
        )
