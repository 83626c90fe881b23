"""The keeper of an engine where one stack is destroyed while another is deployed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.config.spec import StackSpec
from karst.pipeline import applying, destroying
from karst.pipeline.applying import KEEPER


class Engine:
    """Containers by name; `on_look` happens right after a look for sidecars."""

    socket = "/engine.sock"

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.on_look: Callable[[], object] = lambda: None
        self.ensured = threading.Event()

    def container(self, name: str) -> SimpleNamespace | None:
        return SimpleNamespace(image=self.found[name]) if name in self.found else None

    def listed(self, labels: Mapping[str, str]) -> list[str]:
        assert labels == {"karst.role": "sidecar"}
        seen = [name for name in self.found if name.endswith("-sidecar")]
        self.on_look()
        return seen

    def remove(self, name: str) -> None:
        self.found.pop(name, None)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    def ensure_running(on: Engine, name: str, settings: Mapping[str, Any]) -> None:
        on.found[name] = settings["image"]
        on.ensured.set()

    monkeypatch.setattr(applying, "ensure_running", ensure_running)
    return Engine()


def deploy(engine: Engine, monkeypatch: pytest.MonkeyPatch, expand: object) -> None:
    """A deploy of nothing but its keeper and what `expand` does in Terraform's place."""
    for name in (
        *("required_secrets", "checks", "remove_leftovers", "have_sidecar_image"),
        *("build_missing", "clear_unknown", "ApplyOutcome"),
    ):
        monkeypatch.setattr(applying, name, MagicMock())
    monkeypatch.setattr(applying, "waves", lambda _: [()])
    monkeypatch.setattr(applying, "open_run", lambda *_: MagicMock(expand=expand))
    tools: Any = MagicMock(sidecar_image="sidecar:1")
    tools.engine = engine
    tools.clock.monotonic.return_value = 0.0
    planned: Any = MagicMock()
    planned.spec = StackSpec("shop", ())
    applying.apply(tools, planned)


def test_a_keeper_that_is_taken_away_before_the_first_sidecar_comes_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expand() -> None:
        assert engine.ensured.wait(120)
        assert destroying._remove_keeper(engine)  # type: ignore[arg-type]
        engine.found["shop-web-sidecar"] = "sidecar:1"

    deploy(engine, monkeypatch, expand)
    assert KEEPER in engine.found


def test_a_keeper_stays_for_a_sidecar_that_came_after_the_look(engine: Engine) -> None:
    engine.found[KEEPER] = "sidecar:1"
    engine.on_look = lambda: engine.found.setdefault("shop-web-sidecar", "sidecar:1")
    assert not destroying._remove_keeper(engine)  # type: ignore[arg-type]
    assert engine.found[KEEPER] == "sidecar:1"


@pytest.mark.parametrize("sidecars", [[], ["shop-web-sidecar"]])
def test_a_keeper_goes_with_the_last_sidecar(
    engine: Engine, sidecars: list[str]
) -> None:
    engine.found = dict.fromkeys([KEEPER, *sidecars], "sidecar:1")
    gone = destroying._remove_keeper(engine)  # type: ignore[arg-type]
    assert gone == (KEEPER not in engine.found) == (not sidecars)
