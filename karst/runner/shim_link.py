"""The shim's socket: app events and log lines come in, "ready" and commands go out.

Any process of the app can speak here, so everything read is bounded and believed only
about this one app.
"""

from __future__ import annotations

import itertools
import json
import queue
import selectors
import socket
import struct
import threading
import time
from collections.abc import Collection
from typing import Any

from karst.runner.logs import Line, LogRing
from karst.runner.status import HealthState

MAX_CONNECTIONS = 4
MAX_LINE = 64 * 1024
MAX_TEXT = 8 * 1024
_PEER = struct.Struct("3i")


class ShimLink:
    """Serves the listening socket from one thread; `run` is called from another."""

    def __init__(
        self,
        listener: socket.socket,
        health: HealthState,
        logs: LogRing,
        refused_uids: Collection[int] = (),
    ) -> None:
        self._listener = listener
        self._health = health
        self._logs = logs
        self._refused = refused_uids
        self._buffers: dict[socket.socket, bytes] = {}
        self._shim: socket.socket | None = None
        self._sending = threading.Lock()
        self._ready = False
        self._ids = itertools.count(1)
        self._results: queue.SimpleQueue[tuple[int, int, str]] = queue.SimpleQueue()
        self.closing = False
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Serve until `closing` is set and something happens."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self.closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
        for connection in list(self._buffers):
            self._close(connection)
        self._selector.close()

    def set_ready(self, ready: bool) -> None:
        """Let the app start: rules are in force and Envoy listens."""
        if ready and not self._ready:
            self._ready = True
            self._send({"type": "ready"})
        self._ready = ready

    def run(self, command: tuple[str, ...], timeout: float) -> tuple[int, str]:
        """Have the shim run a command: its exit code and output.

        Raises OSError where no shim is there, TimeoutError where it does not answer.
        """
        number = next(self._ids)
        if not self._send(
            {"type": "run", "id": number, "command": command, "timeout": timeout}
        ):
            raise OSError("the shim is not connected")
        deadline = time.monotonic() + timeout + 1.0
        while (left := deadline - time.monotonic()) > 0:
            try:
                answered, code, output = self._results.get(timeout=left)
            except queue.Empty:
                break
            if answered == number:
                return code, output
        raise TimeoutError(f"no answer within {timeout:g} s")

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # Out of descriptors, at worst: they are bounded, so this passes.
            time.sleep(0.05)
            return
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        # An app under the sidecar's own uid is never let start: only an attack is that.
        if _PEER.unpack(peer)[1] in self._refused:
            connection.close()
            return
        if len(self._buffers) >= MAX_CONNECTIONS:
            self._close(next(iter(self._buffers)))
        connection.setblocking(False)
        self._buffers[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        if connection not in self._buffers:
            return
        try:
            piece = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        lines = (self._buffers[connection] + piece).split(b"\n")
        self._buffers[connection] = lines.pop()
        if not piece or len(self._buffers[connection]) > MAX_LINE:
            self._close(connection)
            return
        for line in lines:
            self._take(connection, line)

    def _close(self, connection: socket.socket) -> None:
        del self._buffers[connection]
        self._selector.unregister(connection)
        with self._sending:
            if self._shim is connection:
                self._shim = None
            connection.close()

    def _take(self, connection: socket.socket, line: bytes) -> None:
        try:
            message = json.loads(line)
            if isinstance(message, dict):
                self._act(connection, message)
        except (ValueError, TypeError, KeyError, RecursionError):
            return

    def _act(self, connection: socket.socket, message: dict[str, Any]) -> None:
        now = time.time()
        kind = message["type"]
        if kind == "hello":
            with self._sending:
                self._shim = connection
            if self._ready:
                self._send({"type": "ready"})
        elif kind == "log":
            stream = str(message["stream"])[:16]
            text = str(message["text"])[:MAX_TEXT]
            self._logs.add(Line(float(message["time"]), stream, text))
        elif kind == "started":
            started = min(now, float(message.get("time", now)))
            self._health.app_started(started, int(message["restarts"]))
        elif kind == "exited":
            self._health.app_exited(
                now,
                int(message["code"]),
                str(message["reason"])[:500],
                int(message["restarts"]),
                float(message["next_start_in"] or 0.0),
            )
        elif kind == "command-result":
            output = str(message["output"])[:MAX_TEXT]
            self._results.put((int(message["id"]), int(message["code"]), output))

    def _send(self, message: dict[str, Any]) -> bool:
        with self._sending:
            if self._shim is None:
                return False
            try:
                self._shim.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                return False
            return True
