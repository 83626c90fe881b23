"""A destroy says whether there was anything of that name, and what became of data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.config.spec import StackSpec
from karst.pipeline import destroying


@pytest.mark.parametrize(
    ("known", "networks", "volumes", "found"),
    [
        (frozenset(), [], ([], []), False),
        (frozenset({"shop-web"}), [], ([], []), True),
        (frozenset(), ["shop"], ([], []), True),
        (frozenset(), ["another"], ([], []), False),
        (frozenset(), [], ([], ["shop-data"]), True),
    ],
)
def test_whether_there_was_something(
    known: frozenset[str],
    networks: list[str],
    volumes: tuple[list[str], list[str]],
    found: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tools: Any = MagicMock()
    tools.engine.listed.return_value = ()
    tools.engine.networks.return_value = [
        SimpleNamespace(name=f"{n}-mesh", labels={"karst.stack": n}) for n in networks
    ]
    tools.session.containers.return_value = known
    monkeypatch.setattr(destroying, "stack_volumes", lambda *_: volumes)
    outcome = destroying.destroy(tools, StackSpec("shop", ()), volumes=False)
    assert outcome.found is found


@pytest.mark.parametrize(
    ("volumes", "kept", "gone"),
    [(False, ("shop-data",), ()), (True, (), ("shop-data",))],
)
def test_whether_data_was_removed_or_kept(
    volumes: bool,
    kept: tuple[str, ...],
    gone: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tools: Any = MagicMock()
    removed: list[str] = []
    monkeypatch.setattr(
        destroying, "stack_volumes", lambda *_: (["shop-karst"], ["shop-data"])
    )
    monkeypatch.setattr(
        destroying, "remove_volume", lambda _, name: removed.append(name)
    )
    outcome = destroying.destroy(tools, StackSpec("shop", ()), volumes=volumes)
    assert (outcome.kept_volumes, outcome.removed_volumes) == (kept, gone)
    assert removed == ["shop-karst", *gone]


def test_what_holds_the_network_goes_before_terraform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A deploy that was killed leaves a probe that goes on asking."""
    roles = ("app", "sidecar", "edge", "probe", "carrier")
    tools, order = MagicMock(), MagicMock()
    found = [SimpleNamespace(name=r, labels={"karst.role": r}) for r in roles]
    tools.engine.listed.side_effect = lambda _: (
        [] if tools.session.destroy.called else found
    )
    order.attach_mock(tools.engine.remove, "remove")
    order.attach_mock(tools.session.destroy, "destroy")
    tools.session.containers.return_value = frozenset({"app", "sidecar"})
    monkeypatch.setattr(destroying, "stack_volumes", lambda *_: ([], []))
    destroying.destroy(tools, StackSpec("shop", ()), volumes=False)
    names = [str(each[0]) for each in order.mock_calls]
    before = order.mock_calls[: names.index("destroy")]
    assert {each.args[0] for each in before} == {"edge", "probe"}
