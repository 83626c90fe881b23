"""PyGithub on a session of ours: one pool for all threads, and no retries of its own."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import requests
from github import Auth
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from karst.forges.http_options import USER_AGENT
from karst.forges.quiet import quiet_libraries

_PER_PAGE = 100


def open_requester(
    api: str, auth: Auth.Auth | None, session: requests.Session
) -> Requester:
    """A requester whose lazy objects may be used by many threads at once."""

    quiet_libraries()

    # PyGithub lets a class of requesters choose its connections; it makes them itself,
    # so the session has to come by the class.
    class PooledRequester(Requester):
        pass

    class Http(_PooledConnection, HTTPRequestsConnectionClass):
        lent = session
        scheme = "http"

    class Https(_PooledConnection, HTTPSRequestsConnectionClass):
        lent = session
        scheme = "https"

    PooledRequester.injectConnectionClasses(Http, Https)
    return PooledRequester(
        auth=auth,
        base_url=api,
        timeout=30,
        user_agent=USER_AGENT,
        per_page=_PER_PAGE,
        verify=True,
        retry=None,
        pool_size=None,
        lazy=True,
    )


class _PooledConnection:
    """What PyGithub takes for a connection: it gives one to several threads."""

    lent: ClassVar[requests.Session]
    scheme: ClassVar[str]

    def __init__(self, host: str, port: int | None = None, **_: Any) -> None:
        # Read by PyGithub.
        self.host = host
        self.port = port or (443 if self.scheme == "https" else 80)
        self._asked = threading.local()

    def request(
        self,
        verb: str,
        url: str,
        input: Any,
        headers: dict[str, str],
        stream: bool = False,  # noqa: ARG002 - never set for what this forge asks
    ) -> None:
        shown = self.host if port_is_usual(self.scheme, self.port) else ""
        place = shown or f"{self.host}:{self.port}"
        self._asked.request = (verb, f"{self.scheme}://{place}{url}", input, headers)

    def getresponse(self) -> RequestsResponse:
        verb, url, data, headers = self._asked.request
        answer = self.lent.request(
            verb, url, data=data, headers=headers, allow_redirects=False
        )
        return RequestsResponse(answer)

    def close(self) -> None:
        """The session is the forge's own, and stays open."""


def port_is_usual(scheme: str, port: int) -> bool:
    return (scheme, port) in (("https", 443), ("http", 80))
