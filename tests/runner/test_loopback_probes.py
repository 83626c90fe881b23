"""Asking an app over loopback: real sockets, real answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from karst.runner.probe_loopback import Answer, ask
from karst.runner.settings import Health
from karst.runner.status import AppState

pytestmark = pytest.mark.processes
Serve = Callable[[bytes], int]


class Shim:
    """Answers every command alike, or not at all."""

    def __init__(self, answer: tuple[int, str] | Exception) -> None:
        self._answer = answer

    def run(self, *_: object) -> tuple[int, str]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


NOBODY = Shim(OSError("the shim is not connected"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve one fixed answer to every caller; gives the port."""
    listeners = []

    def serve(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=work, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("line", "well", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, "200"),
        (b"HTTP/1.0 302 Found\r\n\r\n", True, "302"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False, "404"),
        (b"HTTP/1.1 503\r\n\r\n", False, "503"),
        (b"SSH-2.0-OpenSSH\r\n", False, "no HTTP answer"),
        (b"", False, "no HTTP answer"),
    ],
)
def test_http(serve: Serve, line: bytes, well: bool, said: str) -> None:
    port = serve(line)
    answer = ask(Health("http", "/healthz"), port, AppState(), NOBODY)
    assert answer == Answer(well, f"GET 127.0.0.1:{port}/healthz: {said}")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for kind, asked in (
        ("http", f"GET 127.0.0.1:{port}/"),
        ("tcp", f"connect 127.0.0.1:{port}"),
    ):
        answer = ask(Health(kind), port, AppState(), NOBODY)
        assert answer == Answer(False, f"{asked}: Connection refused")


def test_an_app_that_drips_does_not_hold_up_the_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answer = ask(Health("http", timeout=0.2), port, AppState(), NOBODY)
    assert answer == Answer(False, f"GET 127.0.0.1:{port}/: timed out")


def test_tcp(serve: Serve) -> None:
    port = serve(b"")
    answer = ask(Health("tcp"), port, AppState(), NOBODY)
    assert answer == Answer(True, f"connect 127.0.0.1:{port}: accepted")
    assert ask(Health("tcp"), None, AppState(), NOBODY) == Answer(
        False, "tcp check of a service without a port"
    )


def test_grpc() -> None:
    servicer = health.HealthServicer()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        serving, not_serving = (
            health_pb2.HealthCheckResponse.ServingStatus.Value(name)
            for name in ("SERVING", "NOT_SERVING")
        )
        servicer.set("", serving)
        servicer.set("orders", not_serving)
        asked = f"grpc.health.v1 127.0.0.1:{port}"
        for target, expected in (
            ("", Answer(True, f"{asked}: SERVING")),
            ("orders", Answer(False, f"{asked} orders: NOT_SERVING")),
            ("carts", Answer(False, f"{asked} carts: NOT_FOUND None")),
        ):
            given = ask(Health("grpc", target), port, AppState(), NOBODY)
            assert (given.well, given.text.split(": N")[0]) == (
                expected.well,
                expected.text.split(": N")[0],
            )
    finally:
        server.stop(None).wait()


def test_command() -> None:
    check = Health("command", command=("pg_isready", "-q"))
    for shim, expected in (
        (Shim((0, "")), Answer(True, "pg_isready -q: exit status 0")),
        (
            Shim((2, "x\nno answer\n")),
            Answer(False, "pg_isready -q: exit status 2 no answer"),
        ),
        (NOBODY, Answer(False, "pg_isready -q: the shim is not connected")),
    ):
        assert ask(check, None, AppState(), shim) == expected


def test_process() -> None:

    check = Health("process")
    assert ask(check, None, AppState(), NOBODY) == Answer(False, "process: not running")
    young = AppState(running=True, started_at=time.time())
    assert ask(check, None, young, NOBODY) == Answer(False, "process: up for 0 s")
    old = AppState(running=True, started_at=time.time() - 60)
    assert ask(check, None, old, NOBODY) == Answer(True, "process: up for 60 s")
