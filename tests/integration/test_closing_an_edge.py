"""An edge that is closed carries nothing any more, also what was open before."""

from __future__ import annotations

import time

import pytest
from conftest import LiveStack, MakeStack, docker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ECHO = """
import os, socketserver

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(100):
            self.request.sendall(data)

socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
"""
HOLDER = """
import socket, time

while True:
    try:
        with socket.create_connection(("echo", 7000), 20) as held:
            held.settimeout(20)
            while True:
                held.sendall(b"x")
                if not held.recv(1):
                    raise OSError("closed")
                print("alive", flush=True)
                time.sleep(0.3)
    except OSError:
        print("cut", flush=True)
        time.sleep(0.3)
"""


def write(stack: LiveStack, *calls: str) -> None:
    stack.write(
        [
            {"slug": "file:./echo", "name": "echo", "port": 7000, "protocol": "tcp"},
            {
                "slug": "file:./holder",
                "name": "holder",
                "protocol": "none",
                "calls": list(calls),
            },
        ],
        default="deny",
    )


def last_line(stack: LiveStack) -> str:
    container = stack.container("app", "holder")
    return docker("logs", "--tail", "1", container["Id"]).strip()


def wait_for(stack: LiveStack, line: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if last_line(stack) == line:
            return True
        time.sleep(0.3)
    return False


def test_an_open_connection_ends_soon_after_its_edge(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.app("echo", ECHO)
    stack.app("holder", HOLDER)
    write(stack, "echo")
    stack.ok("deploy")
    assert wait_for(stack, "alive", 120)
    before = stack.container("app", "holder")["State"]["StartedAt"]

    write(stack)
    stack.ok("deploy")
    assert wait_for(stack, "cut", 120)
    # It stays so: no new connection comes up either.
    time.sleep(2)
    assert last_line(stack) == "cut"
    assert stack.container("app", "holder")["State"]["StartedAt"] == before
