"""One project's line to GitLab for publishing: who we are there, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import gitlab
from gitlab.v4.objects import Project

from karst.errors import FetchError
from karst.forges.access import ForgeAccess
from karst.forges.asking import Asking
from karst.forges.gitlab import open_client
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import PublishFailure, Why
from karst.forges.refusals import Refusals
from karst.forges.sessions import open_session
from karst.forges.telling import NONSENSE
from karst.secret import redact

_T = TypeVar("_T")
_WHY: dict[int, Why] = {401: "forbidden", 403: "forbidden", 404: "missing"}
# GitLab answers 404, too, for what a job's token is not let near.
_NO_NOTES = "a job's own token may not write notes: give the step a project's token with scope api as `gitlab-token` (a masked, protected variable)"
_SCOPE = "the token needs scope api, and the role Developer in the project (Reporter is enough for `drift`)"


class GitLabLine:
    """A project at one GitLab, asked with one token."""

    def __init__(
        self, access: ForgeAccess, options: HttpOptions, repository: str
    ) -> None:
        self.repository = repository
        self.web = f"{access.web}/{repository}"
        self._access = access
        self._refusals = Refusals(access)
        self.sleep = options.sleep
        # Nothing is kept: a note is as it is now, or somebody edited it meanwhile.
        session = open_session(access.api, Asking(options, self._refusals), None)
        self._client = open_client(access, session)

    @property
    def name(self) -> str:
        return self._refusals.name

    @property
    def project(self) -> Project:
        """The project; nothing is asked yet."""
        return self._client.projects.get(self.repository, lazy=True)

    def default_branch(self) -> str:
        return str(self._client.projects.get(self.repository).default_branch)

    @cached_property
    def own_id(self) -> int:
        """The number of the user whom the token stands for."""

        def find() -> int:
            answer: Any = self._client.http_get("/user")
            return int(answer["id"])

        return self.ask("asking whose token this is", find)

    def ask(self, doing: str, question: Callable[[], _T]) -> _T:
        """Call `question`; what fails becomes a PublishFailure that says `doing`."""
        try:
            return question()
        except (gitlab.GitlabHttpError, gitlab.GitlabError) as error:
            told = self._refused(error, doing)
        except FetchError as error:  # the session's own: limits, broken lines
            told = PublishFailure(
                f"{doing} failed: {error.what}",
                why="unavailable",
                where=self._where,
                remedy=error.remedy,
            )
        except NONSENSE:
            told = PublishFailure(
                f"{doing} failed: {self.name} answered what is none of its answers",
                why="unavailable",
                where=self._where,
                remedy="check the API's address",
            )
        # Outside of the handler: the library's error holds the answer.
        raise told

    @property
    def _where(self) -> str:
        return f"{self.name} {self.repository}"

    def _refused(self, error: gitlab.GitlabError, doing: str) -> PublishFailure:
        status = error.response_code
        said = " ".join(str(error.error_message or "").split())[:200]
        words = redact(said, self._access.secrets)
        if status is None:
            return PublishFailure(
                f"{doing} failed: {self.name} answered what is none of its answers",
                why="unavailable",
                where=self._where,
            )
        why = _WHY.get(status, "refused")
        remedy = ""
        if status >= 500 or status == 429:
            why, remedy = "unavailable", "run it again later"
        elif why != "refused" and self._access.scheme == "job":
            why, remedy = "forbidden", _NO_NOTES
        elif why == "forbidden":
            remedy = _SCOPE
        return PublishFailure(
            f"{doing} failed: HTTP {status}" + f", {words}" * bool(words),
            why=why,
            where=self._where,
            remedy=remedy,
        )
