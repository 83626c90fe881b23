"""A destroy says whether there was anything of that name."""

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
