"""The agent's end of the shim's socket: believed only within bounds."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from karst.runner.logs import Line, LogRing
from karst.runner.settings import Health, Ports, Sidecar
from karst.runner.shim_link import MAX_LINE, MAX_TEXT, ShimLink
from karst.runner.status import HealthState

pytestmark = pytest.mark.processes
SIDECAR = Sidecar(
    *("shop", "api", "r1", "service", "172.20.0.0/16", 8000, "http", "service"),
    shim=True,
    health=Health(),
    ports=Ports(),
)
ADDRESS = b"\0karst/test/" + str(os.getpid()).encode()


class Served:
    def __init__(self, refused: tuple[int, ...] = ()) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(ADDRESS)
        self.listener.listen(8)
        self.logs = LogRing()
        self.health = HealthState(SIDECAR, time.time())
        self.link = ShimLink(self.listener, self.health, self.logs, refused)
        self.clients: list[socket.socket] = []
        self.thread = threading.Thread(target=self.link.serve, daemon=True)
        self.thread.start()

    def connect(self, *messages: Any) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(ADDRESS)
        client.settimeout(60)
        self.clients.append(client)
        for message in messages:
            client.sendall(json.dumps(message).encode() + b"\n")
        return client

    def close(self) -> None:
        self.link.closing = True
        self.connect()
        self.thread.join(timeout=60)
        for each in (*self.clients, self.listener):
            each.close()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.close()


def until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def texts(served: Served) -> list[str]:
    return [line.text for line in served.logs.tail(1000)[0]]


HELLO = {"type": "hello", "pid": 1}


def log(text: str) -> dict[str, Any]:
    return {"type": "log", "time": 1.5, "stream": "stdout", "text": text}


def test_ready_is_said_to_who_waits_and_to_who_comes_later(served: Served) -> None:
    early = served.connect(HELLO, log("here"))
    until(lambda: texts(served) == ["here"])
    served.link.set_ready(True)
    assert early.recv(99) == b'{"type": "ready"}\n'
    assert served.connect(HELLO).recv(99) == b'{"type": "ready"}\n'


def test_nothing_is_said_before_envoy_is_ready(served: Served) -> None:
    client = served.connect(HELLO)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(99)


def test_the_app_s_life_is_taken_in(served: Served) -> None:
    ended = {"type": "exited", "code": 3, "signal": None, "reason": "exit status 3"}
    served.connect(
        HELLO,
        {"type": "started", "pid": 7, "restarts": 0, "time": 100.0},
        {**ended, "restarts": 1, "next_start_in": 0.5},
    )
    until(lambda: served.health.app.exit_code == 3)
    assert served.health.app._asdict() == {
        "running": False,
        "started_at": 100.0,
        "restarts": 1,
        "exit_code": 3,
        "exit_reason": "exit status 3",
        "next_start_in": 0.5,
    }


@pytest.mark.parametrize(
    "nonsense",
    [b"\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"type":"log"}\n', b"[" * 60_000 + b"\n"],
)
def test_nonsense_is_passed_over(served: Served, nonsense: bytes) -> None:
    client = served.connect(HELLO)
    client.sendall(nonsense)
    client.sendall(json.dumps(log("after")).encode() + b"\n")
    until(lambda: texts(served) == ["after"])


def test_a_line_without_end_closes_the_connection(served: Served) -> None:
    client = served.connect(HELLO)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        client.sendall(b"x" * MAX_LINE * 100)
    served.connect(HELLO, log("still served"))
    until(lambda: texts(served) == ["still served"])


def test_a_long_text_is_cut(served: Served) -> None:
    served.connect(HELLO, log("y" * (MAX_TEXT + 1)))
    until(lambda: texts(served) == ["y" * MAX_TEXT])


def test_many_connections_push_out_the_oldest(served: Served) -> None:
    first = served.connect(HELLO)
    for number in range(6):
        served.connect(log(f"line {number}"))
    until(lambda: len(texts(served)) == 6)
    assert first.recv(99) == b""


def test_a_command_goes_to_the_shim_and_is_answered_on_any_line(served: Served) -> None:
    client = served.connect(HELLO, log("here"))
    until(lambda: texts(served))

    def answer() -> None:
        asked = json.loads(client.recv(4096))
        assert asked["command"] == ["true"]
        result = {
            "type": "command-result",
            "id": asked["id"],
            "code": 0,
            "output": "ok",
        }
        served.connect({**result, "id": 999}, result)

    thread = threading.Thread(target=answer)
    thread.start()
    assert served.link.run(("true",), 60.0) == (0, "ok")
    thread.join()


def test_without_a_shim_a_command_is_an_error(served: Served) -> None:
    with pytest.raises(OSError, match="the shim is not connected"):
        served.link.run(("true",), 1.0)


def test_an_app_with_the_sidecar_s_uid_is_not_served() -> None:
    served = Served(refused=(os.getuid(),))
    try:
        client = served.connect()
        assert client.recv(99) == b""
    finally:
        served.close()


def test_the_ring_keeps_what_fits() -> None:
    ring = LogRing(max_lines=3, max_bytes=10)
    for text in ("a", "b", "c", "d"):
        ring.add(Line(0.0, "stdout", text))
    assert [line.text for line in ring.tail(10)[0]] == ["b", "c", "d"]
    assert [line.text for line in ring.tail(2)[0]] == ["c", "d"]
    assert ring.tail(0) == ([], 4)
    ring.add(Line(0.0, "stdout", "123456789"))
    lines, position = ring.after(3, timeout=0)
    assert ([line.text for line in lines], position) == (["d", "123456789"], 5)
    assert ring.after(5, timeout=0.01) == ([], 5)
