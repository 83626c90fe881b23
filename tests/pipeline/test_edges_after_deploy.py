"""Edges after a deploy, where a sidecar's Envoy is held up for a while."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.config.spec import StackSpec
from karst.health import EdgeVerdict
from karst.pipeline import e2e, observing, step
from karst.pipeline.step import Step
from karst.pipeline.tools import Stopwatch

SPEC = StackSpec("shop", ())
HELD_UP = 15.0


@pytest.fixture(autouse=True)
def held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_edges(*_: object, patience: float) -> tuple[EdgeVerdict, ...]:
        return (EdgeVerdict("web", "api", "allowed", patience > HELD_UP),)

    monkeypatch.setattr(observing, "ask_edges", ask_edges)
    for room in (step, e2e):
        monkeypatch.setattr(room, "running", lambda *_: ({}, None))


@pytest.fixture
def tools() -> Any:
    found = MagicMock()
    found.clock.monotonic.return_value = 0.0
    return found


def test_a_step_waits_for_it(tools: Any) -> None:
    outcome: Any = SimpleNamespace(well=True, stack=MagicMock())
    own: Any = SimpleNamespace(tools=tools, spec=SPEC)
    found, _ = Step._ask_edges(own, outcome)
    assert [e.well for e in found] == [True]


def test_a_run_from_end_to_end_waits_for_it(
    tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e2e, "throw_away", lambda *_: SPEC)
    monkeypatch.setattr(e2e, "_own_tools", lambda *_: tools)
    for name in ("mark", "plan", "apply"):
        monkeypatch.setattr(e2e, name, MagicMock())
    monkeypatch.setattr(e2e, "remove_stack", lambda *_: 0)
    run, settings = e2e._Run("shop", SPEC, Stopwatch(tools.clock)), MagicMock()
    e2e._attempt(tools, SPEC, settings, None, run, ends=0.0)
    assert [e.well for e in run.edges] == [True]
