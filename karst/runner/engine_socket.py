"""The few engine calls that the keeper makes, over the engine's Unix socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterable, Iterator
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

    def restart(self, container: str, grace: int) -> None:
        """End it by its own stop signal, by force after `grace` seconds; start it."""
        self._do(f"/containers/{quote(container)}/restart?t={grace}")

    def has_logged(self, container: str, line: bytes, since: float) -> bool:
        """Whether standard output has `line` since an epoch second (0: ever)."""
        query = urlencode({"stdout": 1, "since": f"{since:.6f}"})
        connection, answer = self._send(
            "GET", f"/containers/{quote(container)}/logs?{query}", timeout=10.0
        )
        with _to_the_end(connection):
            return line in answer.read(_LOG_LIMIT)

    def events(self, since: float) -> Iterator[dict[str, Any]]:
        """Events of labelled containers from an epoch second on, until cut off."""
        filters = {"type": ["container"], "label": ["karst.role"], "event": _EVENTS}
        query = urlencode({"filters": json.dumps(filters), "since": f"{since:.6f}"})
        connection, answer = self._send("GET", f"/events?{query}", timeout=None)
        with _to_the_end(connection):
            while line := answer.readline():
                yield json.loads(line)

    def past(
        self, container: str, kinds: Iterable[str], since: float
    ) -> list[dict[str, Any]]:
        """A container's events of these kinds so far, as many as the engine remembers."""
        now = time.time()
        filters = {"container": [container], "event": list(kinds)}
        query = {"filters": json.dumps(filters), "until": f"{now:.6f}"}
        query["since"] = f"{min(since, now):.6f}"
        path = f"/events?{urlencode(query)}"
        connection, answer = self._send("GET", path, timeout=30.0)
        with _to_the_end(connection):
            return [json.loads(line) for line in answer.read().splitlines()]

    def _json(self, path: str) -> Any:
        connection, answer = self._send("GET", path, timeout=30.0)
        with _to_the_end(connection):
            return json.loads(answer.read())

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
            raise _broken(error) from error
        except BaseException:
            connection.close()
            raise
        return connection, answer


@contextlib.contextmanager
def _to_the_end(connection: _UnixConnection) -> Iterator[None]:
    """Read the answer; an engine that ends in the middle of it is not to be reached."""
    try:
        yield
    except http.client.HTTPException as error:
        raise _broken(error) from error
    finally:
        connection.close()


def _broken(error: http.client.HTTPException) -> OSError:
    return OSError(f"the engine's answer breaks off: {error!r}")


def epoch(timestamp: str) -> float:
    """The engine's time as epoch seconds; 0 for its "never" (the year 1)."""
    if not timestamp or timestamp.startswith("0001-"):
        return 0.0
    return datetime.fromisoformat(timestamp).timestamp()
