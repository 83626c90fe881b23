"""Crashes that nobody repairs by hand: everything comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sample_apps import WORKER, echo
from snapshots import docker, eventually_get, free_port, until

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PATIENCE = 240.0
KEEPER = "karst-keeper"


@dataclass(frozen=True)
class Crashing:
    """`web`, published, calls `api`; nothing of karst but what stays behind runs."""

    stack: LiveStack
    port: int

    def answers(self) -> bool:
        return eventually_get(self.port, "/call/api:8000") == (200, "api")

    def comes_back(self) -> None:
        """Wait for an answer that crossed both services, then ask everybody."""
        until(self.answers, PATIENCE, "web calls api again")
        until(lambda: self.stack.run("health").returncode == 0, PATIENCE, "all healthy")

    def started(self, role: str, service: str) -> str:
        at: str = self.stack.container(role, service)["State"]["StartedAt"]
        return at


@pytest.fixture(scope="module")
def crashing(make_stack: MakeStack) -> Crashing:
    stack, port = make_stack(), free_port()
    health = {"http": "/", "grace": "30s"}
    stack.write(
        [
            {"name": "api", "slug": stack.app("api", echo("api")), "health": health},
            {
                "name": "web",
                "slug": stack.app("web", echo("web")),
                "publish": f"127.0.0.1:{port}",
                "health": health,
            },
            {
                "name": "worker",
                "slug": stack.app("worker", WORKER),
                "protocol": "none",
            },
        ]
    )
    stack.ok("deploy")
    return Crashing(stack, port)


@pytest.fixture(autouse=True)
def _settled(crashing: Crashing) -> None:
    until(crashing.answers, PATIENCE, "the stack answers before the crash")


def _processes(container: dict[str, Any], words: str) -> list[int]:
    """Pids on the host of a container's processes with `words` in their command line."""
    lines = docker("top", container["Id"], "-eo", "pid,args").splitlines()[1:]
    return [int(line.split()[0]) for line in lines if words in line]


def _main(container: dict[str, Any]) -> int:
    pid: int = container["State"]["Pid"]
    assert pid, f"{container['Name']} does not run"
    return pid


def test_envoy_killed_is_started_again_in_place(crashing: Crashing) -> None:
    sidecar = crashing.stack.container("sidecar", "api")
    envoys = _processes(sidecar, "/envoy")
    assert envoys
    started = crashing.started("sidecar", "api"), crashing.started("app", "api")
    for pid in envoys:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(
        lambda: set(_processes(sidecar, "/envoy")) - set(envoys),
        PATIENCE,
        "a new Envoy",
    )
    crashing.comes_back()
    assert not set(_processes(sidecar, "/envoy")) & set(envoys)
    now = crashing.started("sidecar", "api"), crashing.started("app", "api")
    assert now == started, "neither container was restarted"


def test_an_app_killed_is_started_again_in_place(crashing: Crashing) -> None:
    app = crashing.stack.container("app", "api")
    (child,) = set(_processes(app, "main")) - {_main(app)}
    os.kill(child, signal.SIGKILL)
    crashing.comes_back()
    assert crashing.started("app", "api") == app["State"]["StartedAt"]
    report = {s["service"]: s for s in crashing.stack.json("health")["services"]}
    assert report["api"]["restarts"] == 1
    assert report["web"]["restarts"] == 0


def test_a_shim_killed_is_started_again_by_the_keeper(crashing: Crashing) -> None:
    app = crashing.stack.container("app", "worker")
    os.kill(_main(app), signal.SIGKILL)
    until(lambda: _restarted(crashing, "app", "worker", app), PATIENCE, "a new start")
    crashing.comes_back()


def test_a_sidecar_killed_comes_back_with_its_app(crashing: Crashing) -> None:
    sidecar = crashing.stack.container("sidecar", "api")
    app = crashing.stack.container("app", "api")
    os.kill(_main(sidecar), signal.SIGKILL)
    until(
        lambda: _restarted(crashing, "sidecar", "api", sidecar), PATIENCE, "a sidecar"
    )
    until(lambda: _restarted(crashing, "app", "api", app), PATIENCE, "its app")
    crashing.comes_back()


def test_a_door_killed_opens_again(crashing: Crashing) -> None:
    door = crashing.stack.container("edge", "web")
    os.kill(_main(door), signal.SIGKILL)
    until(lambda: _restarted(crashing, "edge", "web", door), PATIENCE, "a new start")
    crashing.comes_back()


def _restarted(
    crashing: Crashing, role: str, service: str, before: dict[str, Any]
) -> bool:
    now = crashing.stack.container(role, service)
    assert now["Id"] == before["Id"], "nobody makes containers anew"
    later: bool = now["State"]["StartedAt"] > before["State"]["StartedAt"]
    return later and bool(now["State"]["Running"])


def test_the_keeper_killed_keeps_on_keeping(crashing: Crashing) -> None:
    killed: set[int] = set()

    def kill() -> bool:
        # Another run on this engine may kill or replace it in the same moment.
        if pid := _keeper():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        return bool(killed)

    until(kill, PATIENCE, "a keeper to kill")
    until(lambda: {_keeper()} - {0} - killed, PATIENCE, "a new keeper")
    test_a_sidecar_killed_comes_back_with_its_app(crashing)


def _keeper() -> int:
    """The keeper's pid; 0 where none runs."""
    words = ("inspect", "--format={{.State.Pid}}", KEEPER)
    return int(docker(*words, check=False).strip() or 0)


Order = Callable[[dict[str, Any]], Any]
ORDERS: dict[str, Order] = {
    "apps first": lambda c: (c["Config"]["Labels"]["karst.role"], c["Name"]),
    "sidecars first": lambda c: (
        c["Config"]["Labels"]["karst.role"] == "app",
        c["Name"],
    ),
    "by name, backwards": lambda c: [-ord(letter) for letter in c["Name"]],
}


@pytest.mark.parametrize("order", ORDERS)
def test_all_containers_stopped_and_started(crashing: Crashing, order: str) -> None:
    containers = sorted(crashing.stack.containers(), key=ORDERS[order])
    ids = [c["Id"] for c in containers]
    docker("stop", "--time=3", *ids)
    time.sleep(1.0)
    assert not any(c["State"]["Running"] for c in crashing.stack.containers())
    for container in ids:
        # An app without its sidecar can't start: that is the point of an order.
        docker("start", container, check=False)
    crashing.comes_back()
    assert {c["Id"] for c in crashing.stack.containers()} >= set(ids)


def test_what_a_user_stops_stays_stopped(crashing: Crashing) -> None:
    app = crashing.stack.container("app", "worker")
    docker("stop", "--time=3", app["Id"])
    time.sleep(12.0)  # two rounds of the keeper's
    assert not crashing.stack.container("app", "worker")["State"]["Running"]
    told = crashing.stack.run("health", "--service", "worker").stdout
    assert "worker: the app's container does not run; if it stays so," in told
    assert "next start" not in told
    docker("start", app["Id"])
    crashing.comes_back()
