"""What ends, seals or gets well while karst itself is held up has done so in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from karst.config.spec import ServiceSpec, StackSpec
from karst.effects.engine_facts import ContainerState
from karst.errors import EngineError
from karst.health import Verdict
from karst.pipeline import releasing
from karst.pipeline.releasing import SEALED
from karst.pipeline.tools import Tools
from karst.terraform import Release

RUNS = ContainerState(
    *("id", "shop-web", {}, "running", "2026-01-01T00:00:00Z", ""),
    *(0, False, 0, "starting", "image", ""),
)
ENDED = replace(RUNS, status="exited", finished_at="2026-01-01T00:00:09Z", health="")


class World:
    """An engine and a clock: the first look is followed by an hour in which nothing of
    karst runs; after it, everything else is done."""

    def __init__(self, before: ContainerState, after: ContainerState) -> None:
        self.time = 0.0
        self._before, self._after = before, after

    def _seen(self) -> bool:
        first = self.time < 1800
        self.time += 3600
        return first

    def container(self, _name: str) -> ContainerState:
        return self._before if self._seen() else self._after

    def logs(self, _name: str, **_words: object) -> Iterator[str]:
        return iter(() if self._seen() else (SEALED,))

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    @property
    def tools(self) -> Tools:
        return cast(Tools, SimpleNamespace(engine=self, clock=self))


def release(**agent: object) -> Release:
    told = {"shim": False, "port": 80, "health": {"kind": "command", "grace": 30}}
    words: Any = {"service": "web", "release": "1", "container": "shop-web"}
    return cast(Release, SimpleNamespace(**words, agent=json.dumps(told | agent)))


def test_a_job_that_has_ended_meanwhile() -> None:
    spec = StackSpec("shop", (ServiceSpec("web", kind="job"),))
    found = releasing._job(World(RUNS, ENDED).tools, spec, release(), None)
    assert found.state == "completed"


def test_a_check_that_has_said_yes_meanwhile() -> None:
    tools = World(RUNS, replace(RUNS, health="healthy")).tools
    verdict = Verdict("web", "1", "healthy")
    found = releasing._settled(tools, verdict, release(), 35.0, look=False)
    assert found.state == "healthy"


def test_a_namespace_that_was_sealed_meanwhile() -> None:
    sidecar: Any = SimpleNamespace(sidecar="shop-web-sidecar", service="web")
    releasing._wait_sealed(World(RUNS, RUNS).tools, sidecar, RUNS)


def test_a_namespace_that_is_never_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(RUNS, RUNS)
    monkeypatch.setattr(world, "logs", lambda *_, **__: iter(["iptables: no"]))
    sidecar: Any = SimpleNamespace(sidecar="shop-web-sidecar", service="web")
    with pytest.raises(EngineError, match="did not close its namespace") as caught:
        releasing._wait_sealed(world.tools, sidecar, RUNS)
    assert caught.value.detail == "iptables: no"
