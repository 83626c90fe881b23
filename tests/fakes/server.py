"""The HTTP server below every fake forge: threads, keep-alive, faults, a log."""

from __future__ import annotations

import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from karst.forges.together import BESIDE
from tests.fakes.exchange import Reply, Request

_PIECE = 65536
_PATIENCE = 60.0
Wanted = Callable[[Request], bool]


@dataclass
class Fault:
    """What is answered instead, to the next `times` requests that are `wanted`.

    `change` gets the reply that would have been sent.
    """

    wanted: Wanted
    change: Callable[[Reply], Reply]
    times: int
    hits: int = 0


@dataclass
class FakeServer:
    """A server on loopback; `answer` is the forge's. Use it as a context manager.

    Attributes:
        seen: every request, in the order in which they came.
        latency: seconds that every reply waits, and every new connection, as over a
            long line.
        connections: how many connections were opened.
        crashes: what went wrong within the fake itself.
        tls: where set, the server speaks TLS.
    """

    latency: float = 0.0
    seen: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    connections: int = 0
    crashes: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._answering = 0
        self._servers: list[ThreadingHTTPServer] = []
        self.url = self._listen()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def fail(
        self,
        status: int | None = None,
        *,
        path: str = "",
        times: int = 1,
        change: Callable[[Reply], Reply] | None = None,
        **headers: str,
    ) -> Fault:
        """Spoil the next `times` replies whose path contains `path`.

        With `status` the reply is this forge's error of that status, with `headers`
        (`_` for `-`); with `change` it is whatever that makes of the true reply.
        """
        if change is None:
            error = self.error(status or 500).having(**headers)
            change = lambda _: error  # noqa: E731
        fault = Fault(lambda request: path in request.target, change, times)
        self.faults.append(fault)
        return fault

    def error(self, status: int, message: str = "") -> Reply:
        """An error as this forge words it."""
        return Reply(status, {"message": message or f"status {status}"})

    def requests(self, path: str = "", method: str = "") -> list[Request]:
        """The requests so far whose target contains `path`."""
        return [r for r in self.seen if path in r.target and method in r.method]

    def _listen(self) -> str:
        """Open another port with the same answers; returns its URL."""
        server = _Listener(("127.0.0.1", 0), _Handler)
        server.forge = self
        if self.tls:
            server.socket = self.tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(
            target=lambda: server.serve_forever(poll_interval=0.05), daemon=True
        )
        thread.start()
        self._servers.append(server)
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{server.server_address[1]}"

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            self.seen.append(request)
        with self._at_work():
            reply = self.answer(request)
        with self._lock:
            for fault in self.faults:
                if fault.times > fault.hits and fault.wanted(request):
                    fault.hits += 1
                    reply = fault.change(reply)
                    break
        return replace(reply, pause=reply.pause + self.latency)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._idle:
            self._answering += 1
        try:
            yield
        finally:
            with self._idle:
                self._answering -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Return when nobody asks any more, and nothing is being answered.

        Both open sockets and start git, which the next test may not.
        """
        await_askers()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers.clear()
        with self._idle:
            self._idle.wait_for(lambda: not self._answering, _PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def await_askers() -> None:
    """Wait for questions that were put beside others, and whose answers nobody wants."""
    for thread in threading.enumerate():
        if thread.name == BESIDE:
            thread.join(_PATIENCE)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    forge: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exception()
        # A client that hangs up is no fault of the server.
        if not isinstance(error, ConnectionError | ssl.SSLError | TimeoutError):
            self.forge.crashes.append("".join(traceback.format_exception(error)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener
    # Without it, head and body in two packets wait for each other (Nagle).
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        forge = self.server.forge
        with forge._lock:
            forge.connections += 1
        time.sleep(forge.latency)

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        request = Request(
            self.command,
            self.path,
            f"127.0.0.1:{self.server.server_address[1]}",
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )
        self._send(self.server.forge._reply(request))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.pause)
        body = reply.content()
        self.send_response(reply.status)
        if body:
            self.send_header("Content-Type", reply.content_type)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        kept = body if reply.keep is None else body[: reply.keep]
        for begin in range(0, len(kept), _PIECE):
            if reply.drip:
                time.sleep(reply.drip)
            self.wfile.write(kept[begin : begin + _PIECE])
            self.wfile.flush()
        if len(kept) < len(body):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """`seen` is the log."""
