"""A container that all runs share, while another run makes the same one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from karst.effects import engine_lasting
from karst.effects.engine_lasting import ensure_running
from karst.errors import EngineError

# The engine's library looks for IPv6 with a socket when it is first imported.
pytestmark = pytest.mark.processes

SETTINGS = {"image": "keeper:1"}


class Taken:
    """An engine that refuses the name; then it has what another run made, or not."""

    def __init__(self, *, made: bool) -> None:
        self.found = [None, SimpleNamespace(image="keeper:1", running=True)]
        self.found = self.found if made else [None, None]
        self.client = SimpleNamespace(containers=SimpleNamespace(run=self.refuse))

    def container(self, _: str) -> Any:
        return self.found.pop(0)

    def refuse(self, **_: Any) -> None:
        answer: Any = SimpleNamespace(status_code=409)
        raise APIError("409", response=answer, explanation="the name is in use")


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over when the engine has refused."""
    monkeypatch.setattr(engine_lasting, "_PATIENCE", 0.0)


def test_what_another_run_has_made_is_well_however_slow_the_engine() -> None:
    engine: Any = Taken(made=True)
    assert ensure_running(engine, "keeper", SETTINGS) is False


def test_a_name_that_stays_taken_is_told() -> None:
    engine: Any = Taken(made=False)
    with pytest.raises(EngineError, match="the engine refused"):
        ensure_running(engine, "keeper", SETTINGS)
