"""What a killed run left is removed; what a living one still reads is not."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from karst.build.sidecar import sidecar_tag
from karst.effects.engine import Engine, connect
from karst.effects.engine_facts import parse_time
from karst.effects.engine_volumes import OneShot, deliver, remove_leftovers, run_once

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def mark() -> str:
    return secrets.token_hex(4)


@pytest.fixture
def engine(mark: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """One that lists this test's own containers alone: others' runs are living."""
    made, label = connect(None, {}), f"karsttest={mark}"
    api = made.client.api
    every = api.containers

    def own(filters: dict[str, Any], **more: Any) -> Any:
        return every(filters={**filters, "label": [filters["label"], label]}, **more)

    monkeypatch.setattr(api, "containers", own)
    yield made
    for left in every(all=True, filters={"label": label}):
        made.remove(left["Id"])


def _make(engine: Engine, mark: str, role: str, seconds: int) -> str:
    made = engine.client.api.create_container(
        sidecar_tag(),
        entrypoint=["sleep", str(seconds)],
        labels={"karst.role": role, "karsttest": mark},
        host_config=engine.client.api.create_host_config(network_mode="none"),
    )
    return str(made["Id"])


def _created(engine: Engine, container: str) -> float:
    told = engine.client.api.inspect_container(container)["Created"]
    return parse_time(told).timestamp()


def test_a_probe_that_asked_for_long_is_left_until_it_was_read(
    engine: Engine, mark: str
) -> None:
    probe = _make(engine, mark, "probe", 3)
    engine.start(probe)
    engine.client.api.wait(probe, timeout=60)
    # It is older than a run may leave things, and has ended only now.
    remove_leftovers(engine, before=_created(engine, probe) + 2)
    assert engine.container(probe)
    remove_leftovers(engine, before=time.time() + 60)
    assert engine.container(probe) is None


def test_a_running_probe_and_a_young_carrier_are_left(
    engine: Engine, mark: str
) -> None:
    probe = _make(engine, mark, "probe", 600)
    carrier = _make(engine, mark, "carrier", 600)
    engine.start(probe)
    remove_leftovers(engine, before=_created(engine, carrier) - 2)
    assert engine.container(carrier)
    remove_leftovers(engine, before=time.time() + 60)
    assert engine.container(carrier) is None
    assert engine.container(probe)


def _ask(engine: Engine) -> None:
    shot = OneShot(sidecar_tag(), ("probe",), "none", "1338:1338", (), {})
    list(run_once(engine, shot))


def _hand_over(engine: Engine) -> None:
    deliver(engine, sidecar_tag(), {})


@pytest.mark.parametrize("work", [_ask, _hand_over])
def test_an_interrupt_that_comes_as_a_container_is_made_leaves_none(
    engine: Engine, work: Callable[[Engine], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, made = engine.client.api, list[str]()
    create = api.create_container

    def interrupted(*words: Any, **named: Any) -> Any:
        answer = create(*words, **named)
        made.append(answer["Id"])
        os.kill(os.getpid(), signal.SIGINT)
        return answer

    monkeypatch.setattr(api, "create_container", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work(engine)
    (one,) = made
    there = engine.container(one)
    engine.remove(one)
    assert there is None
