"""A GitHub App's tokens: one for each installation, had when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import requests
from github import Auth, GithubException
from github.Requester import Requester

from karst.errors import FetchError
from karst.forges.access import GitHubApp
from karst.forges.github_requester import open_requester
from karst.forges.refusals import Refusals
from karst.secret import Secret

# A token lasts an hour; one that ends within a clone is of no use.
_T = TypeVar("_T")
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True)
class _Installation:
    token: Secret
    ends: datetime


class AppTokens:
    """Finds the installation that covers a repository, and its token."""

    def __init__(
        self,
        app: GitHubApp,
        api: str,
        session: requests.Session,
        refusals: Refusals,
        now: Callable[[], float],
    ) -> None:
        self._app = app
        self._api = api
        self._session = session
        self._refusals = refusals
        self._now = now
        self._numbers: dict[str, int | None] = {}
        self._tokens: dict[int, _Installation] = {}
        self._lock = threading.Lock()

    def find(self, repository: str) -> Secret | None:
        """Return a token for `repository`; None where the App is not installed there.

        Raises FetchError where GitHub does not accept the App itself.
        """
        with self._lock:
            if repository not in self._numbers:
                self._numbers[repository] = self._ask(
                    lambda: self._find_installation(repository)
                )
            number = self._numbers[repository]
            if number is None:
                return None
            known = self._tokens.get(number)
            soon = datetime.fromtimestamp(self._now(), UTC) + _MARGIN
            if known is None or known.ends < soon:
                known = self._ask(lambda: self._new_token(number))
                if known is None:
                    return None
                self._tokens[number] = known
            return known.token

    def _requester(self) -> Requester:
        auth = Auth.AppAuth(self._app.id, self._app.key.reveal())
        return open_requester(self._api, auth, self._session)

    def _find_installation(self, repository: str) -> int:
        _, found = self._requester().requestJsonAndCheck(
            "GET", f"/repos/{repository}/installation"
        )
        return int(found["id"])

    def _new_token(self, number: int) -> _Installation:
        _, made = self._requester().requestJsonAndCheck(
            "POST", f"/app/installations/{number}/access_tokens"
        )
        ends = datetime.fromisoformat(made["expires_at"])
        return _Installation(Secret(made["token"]), ends)

    def _ask(self, question: Callable[[], _T]) -> _T | None:
        """None for a 404: the App is not there, or was taken away."""
        try:
            return question()
        except GithubException as error:
            status = error.status
        except FetchError:
            raise
        except Exception as error:
            # A key that can't be read: the library's text may quote it.
            status, kind = 0, type(error).__name__
        if status == 404:
            return None
        if status:
            raise self._refusals.by_status(status, f"GitHub App {self._app.id}")
        raise FetchError(
            f"the GitHub App's private key can't be used ({kind})",
            where="GITHUB_APP_PRIVATE_KEY",
            remedy="give the PEM text of a key of the App whose id is GITHUB_APP_ID",
        )
