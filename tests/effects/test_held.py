"""A lock that outlives nobody, on a real engine."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from karst.build.sidecar import sidecar_tag
from karst.effects.engine import Engine, connect
from karst.effects.held import hold, holder_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LABELS = {"karst.lock": "test", "karst.holder": "somebody"}
HOLDER = """
import sys, time
from karst.build.sidecar import sidecar_tag
from karst.effects.engine import connect
from karst.effects.held import hold
with hold(connect(None, {}), sidecar_tag(), sys.argv[1], {}):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def engine() -> Engine:
    return connect(None, {})


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    made = f"karsttest-lock-{secrets.token_hex(4)}"
    yield made
    engine.remove(made)


def test_one_holds_it_at_a_time(engine: Engine, name: str) -> None:
    first = hold(engine, sidecar_tag(), name, LABELS)
    assert first is not None
    with first:
        assert hold(engine, sidecar_tag(), name, LABELS) is None
        assert holder_of(engine, name) == "somebody"
    assert engine.container(name) is None


def test_who_comes_next_gets_it_at_once(engine: Engine, name: str) -> None:
    for _ in range(12):
        next_one = hold(engine, sidecar_tag(), name, LABELS)
        assert next_one is not None
        with next_one:
            pass


def test_who_is_killed_lets_go(engine: Engine, name: str) -> None:
    argv = [sys.executable, "-c", HOLDER, name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert hold(engine, sidecar_tag(), name, LABELS) is None
        holder.kill()
    deadline = time.monotonic() + 120
    while (held := hold(engine, sidecar_tag(), name, LABELS)) is None:
        assert time.monotonic() < deadline, "the lock outlived its holder"
        time.sleep(0.2)
    with held:
        pass


def test_a_holder_that_starts_late_keeps_it(
    engine: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looked before the start, and is slow to remove, finds it running."""
    look = engine.client.api.inspect_container

    def look_before(of: str) -> Any:
        found = look(of)
        found["Created"] = "2026-01-01T00:00:00Z"
        found["State"]["Status"] = "created"
        return found

    first = hold(engine, sidecar_tag(), name, LABELS)
    assert first is not None
    with first:
        monkeypatch.setattr(engine.client.api, "inspect_container", look_before)
        assert hold(engine, sidecar_tag(), name, LABELS) is None
        monkeypatch.undo()
        found = engine.container(name)
        assert found is not None
        assert found.running
