"""The engine restarted, and the host cut off: everything is back, by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from sample_apps import JOB, WORKER, echo
from second_engine import SecondEngine, second_engine
from snapshots import docker, free_port, until

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.engine_restart,
]

PATIENCE = 240.0


@pytest.fixture(scope="module")
def engine() -> Iterator[SecondEngine]:
    with second_engine() as started:
        yield started


@pytest.fixture(scope="module")
def stack(engine: SecondEngine, make_stack: MakeStack) -> LiveStack:
    """Five services and a door: pairs enough for the engine to start some wrongly."""
    made = make_stack()
    health = {"http": "/", "grace": "40s"}
    services = [
        {"name": name, "slug": made.app(name, echo(name)), "health": health}
        for name in ("api", "web", "audit", "mail")
    ]
    services[1]["publish"] = f"127.0.0.1:{free_port()}"
    services += [
        {"name": "worker", "slug": made.app("worker", WORKER), "protocol": "none"},
        {"name": "migrate", "slug": made.app("migrate", JOB), "kind": "job"},
    ]
    made.write(services)
    # Builds need a network, which the second engine has not: its images come ready.
    made.ok("deploy")
    images = {c["Config"]["Image"] for c in made.containers()}
    made.ok("destroy", "--yes", "--volumes")
    engine.load("python:3.11-slim", *images)
    made.environ["DOCKER_HOST"] = engine.host
    made.ok("deploy")
    return made


def _healthy(stack: LiveStack) -> bool:
    return stack.run("health").returncode == 0


def _unchanged(stack: LiveStack) -> bool:
    """Of the door, too, which may come up after all services are healthy."""
    return stack.run("plan", "--detailed-exitcode").returncode == 0


def _containers(engine: SecondEngine) -> list[str]:
    label = "--filter=label=karst.stack"
    return docker("ps", "-aq", label, DOCKER_HOST=engine.host).split()


def test_the_engine_stopped_and_started(stack: LiveStack, engine: SecondEngine) -> None:
    before = _containers(engine)
    engine.stop()
    engine.start()
    until(lambda: _healthy(stack), PATIENCE, "everything is healthy")
    assert _containers(engine) == before, "nothing was made anew"
    until(lambda: _unchanged(stack), PATIENCE, "an empty plan")


def test_the_host_cut_off(stack: LiveStack, engine: SecondEngine) -> None:
    before = _containers(engine)
    engine.cut_off()
    engine.start()
    until(lambda: _healthy(stack), PATIENCE, "everything is healthy")
    assert _containers(engine) == before, "nothing was made anew"
    job = docker(
        "ps",
        "-a",
        "--filter=label=karst.service=migrate",
        "--filter=label=karst.role=app",
        "--format={{.Status}}",
        DOCKER_HOST=engine.host,
    )
    assert job.startswith("Exited (0)"), "a job that ended well stays ended"
    until(lambda: _unchanged(stack), PATIENCE, "an empty plan")
