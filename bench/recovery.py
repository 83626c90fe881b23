"""How long a crash is felt by whoever asks through a published port."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.containers import Container

from bench.figures import Figure, Pair, at_most, compared
from bench.images import LABEL
from bench.options import Options
from bench.running import BenchError
from bench.stacks import BenchStack, bench_stack

TITLE = "recovery: from a kill -9 to the last request that failed or had to wait"
_MOST = 60.0
_KEEPER = "karst-keeper"
_APP = Path(__file__).with_name("memory_app")
# The keeper looks again after a second: what answers this long has come back.
_STEADY = 4.0
# Envoy holds a request back while it tries again.
_SLOW = 0.5
_PATIENCE = 120.0


@dataclass(frozen=True)
class _Field:
    """One published service, and its containers."""

    client: docker.DockerClient
    stack: BenchStack
    port: int

    def container(self, role: str) -> str:
        labels = [f"karst.stack={self.stack.name}", f"karst.role={role}"]
        [found] = self.client.api.containers(filters={"label": labels})
        return str(found["Id"])

    def everything(self) -> list[str]:
        label = {"label": f"karst.stack={self.stack.name}"}
        return [found["Id"] for found in self.client.api.containers(filters=label)]

    def main(self, container: str) -> int:
        return int(self.client.api.inspect_container(container)["State"]["Pid"])

    def child(self, role: str, words: str) -> int:
        """The process below a container's pid 1 that has `words` in its command line."""
        container = self.container(role)
        top = self.client.api.top(container, "-eo pid,args")
        found = [int(pid) for pid, line in top["Processes"] if words in line]
        [pid] = set(found) - {self.main(container)}
        return pid


def measure(options: Options) -> Iterator[Figure]:
    if os.geteuid():
        raise BenchError("killing processes of containers needs root")
    with bench_stack("recovery") as stack, _bare(options) as (bare, bare_port):
        shutil.copytree(_APP, stack.folder / "app")
        field = _Field(options.client, stack, _free_port())
        stack.write(
            [
                {
                    "slug": "file:./app",
                    "name": "app",
                    "health": {"http": "/"},
                    "publish": f"127.0.0.1:{field.port}",
                }
            ]
        )
        stack.stages()
        pairs = [
            Pair(
                _outage(lambda: _kill(field.child("app", "main")), field.port),
                _outage(lambda: _kill(field.main(bare)), bare_port),
            )
            for _ in range(options.rounds)
        ]
        words = ("karst", "restart policy")
        yield compared(
            "the app's process, beside the engine", pairs, unit="s", words=words
        )
        for name, crash in _crashes(field).items():
            yield _figure(
                name, [_outage(crash, field.port) for _ in range(options.rounds)]
            )
            stack.karst("health")


def _crashes(field: _Field) -> dict[str, Callable[[], None]]:
    def keeper_and_shim() -> None:
        _kill(field.main(_KEEPER))
        _kill(field.main(field.container("app")))

    return {
        "its Envoy": lambda: _kill(field.child("sidecar", "/envoy")),
        "the app container's pid 1": lambda: _kill(field.main(field.container("app"))),
        "the sidecar's pid 1": lambda: _kill(field.main(field.container("sidecar"))),
        "the door's pid 1": lambda: _kill(field.main(field.container("edge"))),
        "the keeper's pid 1, and the app's": keeper_and_shim,
        "all stopped, then started backwards": lambda: _stop_and_start(field),
    }


def _stop_and_start(field: _Field) -> None:
    """Apps first, so that each finds no sidecar: the order that helps least."""
    found = sorted(
        (field.client.containers.get(i) for i in field.everything()), key=_late
    )
    for container in reversed(found):
        container.stop(timeout=10)
    for container in found:
        try:
            container.start()
        except APIError:
            continue  # Without its sidecar it can't start; the keeper starts it.


def _late(container: Container) -> int:
    return ("app", "edge", "sidecar").index(container.labels["karst.role"])


def _outage(crash: Callable[[], None], port: int) -> float:
    """Seconds from the end of `crash` to the end of the last request that failed or was
    slow; 0 where nobody noticed."""
    if not _answers(port):
        raise BenchError("the service does not answer before the crash")
    crash()
    began = time.monotonic()
    last = 0.0
    while True:
        asked = time.monotonic()
        well = _answers(port) and time.monotonic() - asked < _SLOW
        elapsed = time.monotonic() - began
        if not well:
            last = elapsed
        elif elapsed - last > _STEADY:
            return last
        if elapsed > _PATIENCE:
            raise BenchError(f"it was not back after {_PATIENCE:g} s")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _bare(options: Options) -> Iterator[tuple[str, int]]:
    """The same kind of app in a container that the engine alone starts again."""
    port = _free_port()
    made = options.client.containers.run(
        options.image,
        detach=True,
        labels={LABEL: "yes"},
        ports={"8000/tcp": ("127.0.0.1", port)},
        restart_policy={"Name": "always"},
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(port):
            if time.monotonic() > deadline:
                raise BenchError("the bare container does not answer")
            time.sleep(0.05)
        yield str(made.id), port
    finally:
        made.remove(force=True)


def _figure(name: str, seconds: list[float]) -> Figure:
    worst = max(seconds)
    each = ", ".join(f"{s:.1f}" for s in sorted(seconds))
    goal = f"<= {_MOST:g} s"
    return Figure(name, None, f"{each} s", goal, at_most(worst, _MOST, "s"), seconds)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
