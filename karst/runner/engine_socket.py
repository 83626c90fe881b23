"""The few engine calls that the keeper makes, over the engine's Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

SOCKET = "/var/run/docker.sock"
_EVENTS = ("start", "stop", "die", "destroy", "restart")
_LOG_LIMIT = 4 << 20


class EngineRefusal(Exception):
    """The engine answered with an error; the text is its own."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost")
        self._path, self._limit = path, timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._limit)
        self.sock.connect(self._path)


class EngineSocket:
    """Raises EngineRefusal for an engine's error, OSError where it can't be reached."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path

    def containers(self) -> list[dict[str, Any]]:
        """All containers with a `karst.role` label, as the engine lists them."""
        filters = json.dumps({"label": ["karst.role"]})
        query = urlencode({"all": 1, "filters": filters})
        listed: list[dict[str, Any]] = self._json(f"/containers/json?{query}")
        return listed

    def inspect(self, container: str) -> dict[str, Any] | None:
        """The container's details, or None where it is gone."""
        try:
            found: dict[str, Any] = self._json(f"/containers/{quote(container)}/json")
        except EngineRefusal:
            return None
        return found

    def start(self, container: str) -> None:
        self._do(f"/containers/{quote(container)}/start")

    def stop(self, container: str, grace: int) -> None:
        """Stop it by its own stop signal, and by force after `grace` seconds."""
        self._do(f"/containers/{quote(container)}/stop?t={grace}")

    def has_logged(self, container: str, line: bytes, since: float) -> bool:
        """Whether standard output has `line` since an epoch second (0: ever)."""
        query = urlencode({"stdout": 1, "since": f"{since:.6f}"})
        connection, answer = self._send(
            "GET", f"/containers/{quote(container)}/logs?{query}", timeout=10.0
        )
        try:
            return line in answer.read(_LOG_LIMIT)
        finally:
            connection.close()

    def events(self, since: float) -> Iterator[dict[str, Any]]:
        """Events of labelled containers from an epoch second on, until cut off."""
        filters = {"type": ["container"], "label": ["karst.role"], "event": _EVENTS}
        query = urlencode({"filters": json.dumps(filters), "since": f"{since:.6f}"})
        connection, answer = self._send("GET", f"/events?{query}", timeout=None)
        try:
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _json(self, path: str) -> Any:
        connection, answer = self._send("GET", path, timeout=30.0)
        try:
            return json.loads(answer.read())
        finally:
            connection.close()

    def _do(self, path: str) -> None:
        connection, _ = self._send("POST", path, timeout=60.0)
        connection.close()

    def _send(
        self, method: str, path: str, timeout: float | None
    ) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self._path, timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            # 304: started or stopped already.
            if answer.status >= 400:
                text = answer.read(4096).decode("utf-8", "replace").strip()
                raise EngineRefusal(f"{answer.status} {text}")
        except http.client.HTTPException as error:
            connection.close()
            raise OSError(f"the engine's answer breaks off: {error!r}") from error
        except BaseException:
            connection.close()
            raise
        return connection, answer


def epoch(timestamp: str) -> float:
    """The engine's time as epoch seconds; 0 for its "never" (the year 1)."""
    if not timestamp or timestamp.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(timestamp).timestamp()
