"""Asks the api, with a few attempts to connect."""

from __future__ import annotations

import json
from typing import Any

import urllib3

# An attempt that never reached the api is repeated; a request that may have is not.
ATTEMPTS = urllib3.Retry(
    total=None,
    connect=3,
    read=0,
    redirect=0,
    status=0,
    other=0,
    backoff_factor=0.2,
    allowed_methods=None,
)


class ApiFailed(Exception):
    """The api did not answer (`status` is 503), or said no, with `content`."""

    def __init__(
        self, message: str, status: int = 503, content: dict | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.content = content or {}


class ApiClient:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=1, read=8), retries=ATTEMPTS, maxsize=8
        )

    def ask(self, method: str, where: str, body: dict | None = None) -> dict[str, Any]:
        """Return the answer's JSON; raises ApiFailed."""
        try:
            answer = self._http.request(method, self._url + where, json=body)
        except urllib3.exceptions.HTTPError as error:
            raise ApiFailed("the api does not answer") from error
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ApiFailed(f"the api answered {answer.status} without JSON")
        if 200 <= answer.status < 300:
            return content
        message = content.get("message") or f"the api answered {answer.status}"
        raise ApiFailed(message, answer.status, content)
