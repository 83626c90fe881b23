"""One repository's line to GitHub for publishing: who we are there, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from github import Auth, BadAttributeException, GithubException
from github.Repository import Repository
from github.Requester import Requester

from karst.errors import FetchError
from karst.forges.access import ForgeAccess
from karst.forges.asking import Asking
from karst.forges.github_requester import open_requester
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import PublishFailure, Why
from karst.forges.refusals import Refusals
from karst.forges.sessions import open_session
from karst.forges.telling import NONSENSE
from karst.secret import redact

_T = TypeVar("_T")
PER_PAGE = 100
# GET /user is 403 for a workflow's token; this is not.
_VIEWER = "query { viewer { login databaseId } }"
_WHY: dict[int, Why] = {401: "forbidden", 403: "forbidden", 404: "missing"}
_PERMISSIONS = "give the job `permissions:` with `pull-requests: write` (issues: write for `drift`); a fork's or Dependabot's token never has them"


@dataclass(frozen=True)
class Viewer:
    """Whom the token stands for; `id` is None where GitHub does not say."""

    login: str
    id: int | None

    def wrote(self, document: Mapping[str, Any]) -> bool:
        """Whether this user wrote a comment; a person may be called like a bot."""
        author = document["user"]
        if author is None:
            return False
        known = "login" if self.id is None else "id"
        return bool(author[known] == (self.login if self.id is None else self.id))


class GitHubLine:
    """A repository at one GitHub, asked with one token."""

    def __init__(
        self, access: ForgeAccess, options: HttpOptions, repository: str
    ) -> None:
        self.repository = repository
        self._access = access
        self._refusals = Refusals(access)
        self.sleep = options.sleep
        # Nothing is kept: a comment is as it is now, or somebody edited it meanwhile.
        session = open_session(access.api, Asking(options, self._refusals), None)
        auth = Auth.Token(access.token.reveal()) if access.token else None
        self._requester: Requester = open_requester(access.api, auth, session)

    @property
    def name(self) -> str:
        return self._refusals.name

    @property
    def api(self) -> Repository:
        """The repository; nothing is asked yet."""
        return Repository(self._requester, url=f"/repos/{self.repository}")

    @cached_property
    def viewer(self) -> Viewer:
        def find() -> Viewer:
            _, answer = self._requester.graphql_query(_VIEWER, {})
            found = answer["data"]["viewer"]
            return Viewer(found["login"], found.get("databaseId"))

        return self.ask("asking whose token this is", find)

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at `path` below the repository."""
        _, document = self._requester.requestJsonAndCheck(
            "GET", f"/repos/{self.repository}{path}", parameters=parameters
        )
        return document

    def send(self, verb: str, path: str, **document: Any) -> Any:
        """Change something below the repository; returns the answer's document."""
        _, answer = self._requester.requestJsonAndCheck(
            verb, f"/repos/{self.repository}{path}", input=document or None
        )
        return answer

    def each(self, path: str, pages: int, **parameters: Any) -> Iterator[Any]:
        """The documents of a list, page by page as they are wanted, at most `pages`."""
        for page in range(1, pages + 1):
            found = self.get(path, per_page=PER_PAGE, page=page, **parameters)
            yield from found
            if len(found) < PER_PAGE:
                break

    def ask(self, doing: str, question: Callable[[], _T]) -> _T:
        """Call `question`; what fails becomes a PublishFailure that says `doing`."""
        try:
            return question()
        except GithubException as error:
            told = self._refused(error, doing)
        except FetchError as error:  # the session's own: limits, broken lines
            told = PublishFailure(
                f"{doing} failed: {error.what}",
                why="unavailable",
                where=self._where,
                remedy=error.remedy,
            )
        except (*NONSENSE, BadAttributeException, RuntimeError):
            told = PublishFailure(
                f"{doing} failed: {self.name} answered what is none of its answers",
                why="unavailable",
                where=self._where,
                remedy="check the API's address",
            )
        # Outside of the handler: the library's error holds headers and answers.
        raise told

    @property
    def _where(self) -> str:
        return f"{self.name} {self.repository}"

    def _refused(self, error: GithubException, doing: str) -> PublishFailure:
        said = error.data.get("message") if isinstance(error.data, dict) else ""
        words = redact(" ".join(str(said or "").split())[:200], self._access.secrets)
        why = _WHY.get(error.status, "refused")
        remedy = ""
        if error.status >= 500 or "rate limit" in words.lower():
            why, remedy = "unavailable", "run it again later"
        elif why == "forbidden":
            remedy = _PERMISSIONS
        return PublishFailure(
            f"{doing} failed: HTTP {error.status}" + f", {words}" * bool(words),
            why=why,
            where=self._where,
            remedy=remedy,
        )
