"""Asking the app over loopback, as repos.yaml says it wants to be asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from karst.runner.http_question import ask_status
from karst.runner.namespace import listening_ports
from karst.runner.settings import Health
from karst.runner.status import AppState

HOST = "127.0.0.1"
# A process that stays up this long has not failed at its first line.
UP_FOR = 2.0
# About a hundred sockets: however many an app opens, no more is read.
MOST_READ = 16384
MOST_TOLD = 3


class Answer(NamedTuple):
    """Whether the app is well, and what was asked and answered."""

    well: bool
    text: str


class Shim(Protocol):
    def run(self, command: tuple[str, ...], timeout: float) -> tuple[int, str]:
        """Exit code and output of a command in the app's container."""


def ask(health: Health, port: int | None, app: AppState, shim: Shim) -> Answer:
    """Ask once; never raises for what an app does."""
    if health.kind == "process":
        return ask_process(app, min(UP_FOR, health.grace), time.time())
    if health.kind == "command":
        return ask_command(health, shim)
    if port is None:
        return Answer(False, f"{health.kind} check of a service without a port")
    if health.kind == "http":
        return ask_http(port, health.target or "/", health.timeout)
    if health.kind == "grpc":
        return ask_grpc(port, health.target, health.timeout)
    return ask_tcp(port, health.timeout)


def tell_elsewhere(port: int, own: Collection[int], tcp: str) -> str:
    """On which ports the app listens instead of `port`; "" where on that or on none.

    `own` are the sidecar's ports, `tcp` is the text of the kernel's tables.
    """
    found = listening_ports(tcp) - set(own)
    if port in found or not found:
        return ""
    first = ", ".join(map(str, sorted(found)[:MOST_TOLD]))
    more = " and others" if len(found) > MOST_TOLD else ""
    return f"the app listens on {first}{more}, not on PORT"


def read_listeners() -> str:
    """The kernel's tables of TCP sockets. Those that listen are their first lines."""
    texts = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with Path(path).open() as file:
                texts.append(file.read(MOST_READ))
        except OSError:
            continue
    return "\n".join(texts)


def ask_process(app: AppState, up_for: float, now: float) -> Answer:
    if not app.running:
        return Answer(False, "process: not running")
    up = now - app.started_at
    return Answer(up >= up_for, f"process: up for {up:.0f} s")


def ask_command(health: Health, shim: Shim) -> Answer:
    asked = " ".join(health.command)
    try:
        code, output = shim.run(health.command, health.timeout)
    except (OSError, TimeoutError) as error:
        return Answer(False, f"{asked}: {error}")
    last = output.strip().splitlines()[-1:] or [""]
    return Answer(code == 0, f"{asked}: exit status {code} {last[0][:200]}".rstrip())


def ask_tcp(port: int, timeout: float) -> Answer:
    asked = f"connect {HOST}:{port}"
    try:
        socket.create_connection((HOST, port), timeout).close()
    except OSError as error:
        return Answer(False, f"{asked}: {error.strerror or error}")
    return Answer(True, f"{asked}: accepted")


def ask_http(port: int, path: str, timeout: float) -> Answer:
    """GET `path`: an answer of 2xx or 3xx is well."""
    asked = f"GET {HOST}:{port}{path}"
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            status = ask_status(connection, port, path, deadline)
    except OSError as error:
        return Answer(False, f"{asked}: {error.strerror or error}")
    if status is None:
        return Answer(False, f"{asked}: no HTTP answer")
    return Answer(200 <= status < 400, f"{asked}: {status}")


def ask_grpc(port: int, service: str, timeout: float) -> Answer:
    """grpc.health.v1 Check; `service` "" asks for the whole server."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    asked = f"grpc.health.v1 {HOST}:{port}{' ' + service if service else ''}"
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"{HOST}:{port}", options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            status: Any = stub.Check(request, timeout=timeout).status
        except grpc.RpcError as error:
            return Answer(False, f"{asked}: {error.code().name} {error.details()}")
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
    return Answer(name == "SERVING", f"{asked}: {name}")
