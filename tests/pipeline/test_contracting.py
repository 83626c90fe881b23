"""What an apply adds first and removes at its end, each planned as a part of the whole."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.errors import EngineError
from karst.pipeline import uptake
from karst.pipeline.run import Run
from karst.terraform.plan import ResourceChange


@pytest.mark.parametrize(
    ("final", "rolled_back", "told"),
    [
        (["web@2", "api@2"], set(), "removing replaced releases"),
        (["web@1", "api@1"], {"web", "api"}, "removing failed releases"),
        (["web@1", "api@2"], {"web"}, "removing replaced and failed releases"),
    ],
)
def test_a_failed_release_is_not_called_replaced(
    final: list[str], rolled_back: set[str], told: str
) -> None:
    tools: Any = MagicMock()
    tools.session.plan_part.return_value.beyond.return_value = ()
    nothing: Any = MagicMock()
    stack: Any = SimpleNamespace(services=dict.fromkeys(final))
    old: Any = dict.fromkeys(["web@1", "api@1"])
    run = Run(tools, nothing, nothing, nothing, retiring=old, final=stack)
    run.rolled_back = rolled_back
    run.contract()
    tools.progress.step.assert_called_once_with(told)


@pytest.mark.parametrize(
    ("key", "actions", "asked"),
    [
        ("api@1", ("create",), True),
        ("api@1", ("delete",), False),
        ("api@2", ("create",), False),
        ("web", ("create",), True),
        ("web", ("delete", "create"), False),
    ],
)
def test_the_engine_is_asked_again_where_what_was_applied_is_gone(
    key: str, actions: tuple[str, ...], asked: bool
) -> None:
    """By the state alone it is there: nothing would be made, and nothing could start."""
    tools, planned, nothing = MagicMock(), MagicMock(), MagicMock()
    tools.session.plan_part.return_value.beyond.return_value = ()
    planned.applied.services, planned.applied.doors = {"api@1": None}, {"web": None}
    change = ResourceChange(f'docker_container.app["{key}"]', "app", key, actions)
    planned.plan.resources = (change,)
    run = Run(tools, planned, nothing, nothing, retiring={}, final=nothing)
    run._plan_part(nothing, planned.plan)
    tools.session.plan_part.assert_called_once_with(
        nothing, [change.address], refresh=asked
    )


def test_what_is_replaced_stays_until_its_callers_call_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One caller's agent is held up; another's sidecar was stopped by its user."""
    tools, planned, done = MagicMock(), MagicMock(), list[str]()
    tools.session.plan_part.return_value.beyond.return_value = ()
    tools.session.apply.side_effect = lambda *_: done.append("removed")
    tools.clock.monotonic.return_value = 0.0
    names = ("web", "api", "off")
    callers: Any = {
        f"{n}@1": SimpleNamespace(service=n, mesh_volume=f"{n}-mesh", sidecar=n)
        for n in names
    }
    tools.engine.listed.return_value = [
        SimpleNamespace(name=n, running=n != "off") for n in names
    ]
    in_force: dict[str, Any] = {
        "web": iter(["old", "", "new"]),
        "api": iter([EngineError("a moment's trouble"), "new"]),
    }

    def read(_engine: Any, sidecar: str, path: str) -> Any:
        assert path == "/var/lib/karst/current/manifest.json"
        version = next(in_force[sidecar])
        done.append(f"{sidecar}: {version}")
        if isinstance(version, EngineError):
            raise version
        return b'{"version": "%s"}' % version.encode() if version else None

    monkeypatch.setattr(uptake, "read_file", read)
    monkeypatch.setattr(uptake, "_AT_ONCE", 1)
    stack: Any = SimpleNamespace(services=callers, doors={})
    run = Run(tools, planned, MagicMock(), MagicMock(), retiring=callers, final=stack)
    run.admitting = dict.fromkeys((f"{n}-mesh" for n in names), "new")
    run.contract()
    assert done == [
        *("api: a moment's trouble", "web: old", "api: new", "web: "),
        *("web: new", "removed"),
    ]


def test_a_caller_that_is_held_up_for_good_holds_up_no_deploy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tools, moments = MagicMock(), count(0, 100)
    tools.clock.monotonic.side_effect = lambda: next(moments)
    tools.engine.listed.return_value = [SimpleNamespace(name="web", running=True)]
    monkeypatch.setattr(uptake, "read_file", lambda *_: None)
    uptake.await_uptake(tools, "shop", {"web": "new"})
