"""Asking an app over loopback: real sockets, real answers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from types import SimpleNamespace

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from karst.runner import http_question, probe_loopback
from karst.runner.probe_loopback import (
    MOST_READ,
    Answer,
    ask,
    read_listeners,
    tell_elsewhere,
)
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
    answer = ask(Health("http", "/healthz", timeout=60), port, AppState(), NOBODY)
    assert answer == Answer(well, f"GET 127.0.0.1:{port}/healthz: {said}")


def test_an_answer_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's http.server prints a traceback when its second write finds nobody."""
    # The rest takes 0.15 s, and longer on a busy machine.
    assert http_question._LINGER > 0.15
    monkeypatch.setattr(http_question, "_LINGER", 60.0)
    seen: list[Exception | bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                try:
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                    for _ in range(3):
                        time.sleep(0.05)
                        connection.sendall(b"x" * 50_000)
                    connection.shutdown(socket.SHUT_WR)
                    seen.append(connection.recv(1))
                except OSError as error:
                    seen.append(error)

        app = threading.Thread(target=work)
        app.start()
        health = Health("http", timeout=60.0)
        answer = ask(health, listener.getsockname()[1], AppState(), NOBODY)
        app.join(60)
    assert answer.well
    assert seen == [b""]


def test_an_answer_without_an_end_is_left() -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                while not ended.wait(0.05):
                    connection.sendall(b"data: tick\n\n")

        app = threading.Thread(target=work)
        app.start()
        health = Health("http", timeout=300.0)
        began = time.monotonic()
        answer = ask(health, listener.getsockname()[1], AppState(), NOBODY)
        took = time.monotonic() - began
        ended.set()
        app.join(60)
    assert answer.well
    assert took < 150


def test_nobody_listens() -> None:
    with socket.socket() as held:
        # Bound, so that nobody else can take it, and not listening.
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        for kind, asked in (
            ("http", f"GET 127.0.0.1:{port}/"),
            ("tcp", f"connect 127.0.0.1:{port}"),
        ):
            answer = ask(Health(kind, timeout=60), port, AppState(), NOBODY)
            assert answer == Answer(False, f"{asked}: Connection refused")


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ((15000, 15001), ""),
        ((8000, 9123, 15000), ""),
        ((9123, 15000, 15001), "the app listens on 9123, not on PORT"),
        ((9123, 80), "the app listens on 80, 9123, not on PORT"),
        ((4, 3, 2, 1), "the app listens on 1, 2, 3 and others, not on PORT"),
    ],
)
def test_where_an_app_listens_instead(ports: tuple[int, ...], told: str) -> None:
    tcp = "".join(f" 0: 0100007F:{p:04X} 00000000:0000 0A 0\n" for p in ports)
    assert tell_elsewhere(8000, (15000, 15001), tcp) == told


def test_listeners_are_read_from_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        # As many as there may be on the machine that runs this.
        monkeypatch.setattr(probe_loopback, "MOST_READ", MOST_READ << 10)
        text = read_listeners()
        monkeypatch.setattr(probe_loopback, "MOST_READ", 200)
        assert 200 <= len(read_listeners()) <= 2 * 200 + 1
    assert tell_elsewhere(port, (), text) == ""
    assert "not on PORT" in tell_elsewhere(0, (), text)


def test_an_app_that_drips_does_not_hold_up_the_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answer = ask(Health("http", timeout=0.2), port, AppState(), NOBODY)
    assert answer == Answer(False, f"GET 127.0.0.1:{port}/: timed out")


def test_tcp(serve: Serve) -> None:
    port = serve(b"")
    answer = ask(Health("tcp", timeout=60), port, AppState(), NOBODY)
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
            given = ask(Health("grpc", target, timeout=60), port, AppState(), NOBODY)
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


def test_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_loopback, "time", SimpleNamespace(time=lambda: 1000.0))
    check = Health("process")
    assert ask(check, None, AppState(), NOBODY) == Answer(False, "process: not running")
    young = AppState(running=True, started_at=1000.0)
    assert ask(check, None, young, NOBODY) == Answer(False, "process: up for 0 s")
    old = AppState(running=True, started_at=940.0)
    assert ask(check, None, old, NOBODY) == Answer(True, "process: up for 60 s")
