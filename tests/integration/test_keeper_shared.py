"""One container that all runs on an engine want: who makes it when several come at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from karst.build.sidecar import sidecar_tag
from karst.effects.engine import Engine, connect
from karst.effects.engine_lasting import ensure_running

pytestmark = [pytest.mark.integration, pytest.mark.slow]

AT_ONCE = 6


@pytest.fixture
def name() -> Iterator[str]:
    made = f"karsttest-shared-{secrets.token_hex(4)}"
    yield made
    connect(None, {}).remove(made)


def _settings() -> dict[str, object]:
    return {
        "image": sidecar_tag(),
        "entrypoint": ["sleep", "600"],
        "network_mode": "none",
    }


def test_runs_that_come_at_once_have_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, look = Barrier(AT_ONCE, timeout=60), Engine.container
    looked: set[int] = set()

    def look_together(engine: Engine, wanted: str) -> object:
        found = look(engine, wanted)
        if id(engine) not in looked:
            looked.add(id(engine))
            together.wait()
        return found

    monkeypatch.setattr(Engine, "container", look_together)
    engines = [connect(None, {}) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(lambda e: ensure_running(e, name, _settings()), engines))
    assert made.count(True) == 1
    found = look(engines[0], name)
    assert found
    assert found.running


def test_a_stopped_one_is_started_and_another_image_s_is_replaced(name: str) -> None:
    engine, settings = connect(None, {}), _settings()
    assert ensure_running(engine, name, settings)
    first = engine.container(name)
    engine.stop(name, timeout=0)
    assert not ensure_running(engine, name, settings)
    again = engine.container(name)
    assert first
    assert again
    assert (again.id, again.running) == (first.id, True)
    engine.client.api.tag(sidecar_tag(), f"karsttest/{name}", "1")
    try:
        assert ensure_running(engine, name, settings | {"image": f"karsttest/{name}:1"})
        other = engine.container(name)
        assert other
        assert other.id != first.id
    finally:
        engine.remove(name)
        engine.client.images.remove(f"karsttest/{name}:1")
