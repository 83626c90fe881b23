"""A state on the target: its lock, where somebody else has it, and a write cut short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from tenacity import stop_after_attempt

from karst.effects.engine_volumes import VolumeFile
from karst.errors import StateLockedError
from karst.terraform import target_state
from karst.terraform.target_state import TargetStateKeeper


def test_a_run_that_waits_for_another_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(target_state, "_PAUSE", 0.01)
    # By looks: how many of them fit into a time says how busy the machine is.
    monkeypatch.setattr(
        target_state, "stop_after_delay", lambda _: stop_after_attempt(9)
    )
    for name, answer in (("have_sidecar_image", None), ("hold", None)):
        monkeypatch.setattr(target_state, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(target_state, "holder_of", lambda *_: "runner-7")
    engine: Any = SimpleNamespace(host="unix:///engine.sock")
    told: list[str] = []
    with (
        pytest.raises(StateLockedError, match="works on this stack, on runner-7"),
        TargetStateKeeper(engine, "sidecar", "shop").alone(told.append),
    ):
        pass
    assert told == ["waiting for another run on this stack"]


def test_a_lock_that_is_let_go_of_while_karst_is_held_up_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between its look and the clock: the time is over, and the lock is free."""
    answers = iter([None, nullcontext()])
    monkeypatch.setattr(target_state, "_PATIENCE", 0.0)
    monkeypatch.setattr(target_state, "have_sidecar_image", lambda *_: None)
    monkeypatch.setattr(target_state, "hold", lambda *_: next(answers))
    monkeypatch.setattr(target_state, "holder_of", lambda *_: "?")
    engine: Any = SimpleNamespace(host="unix:///engine.sock")
    with TargetStateKeeper(engine, "sidecar", "shop").alone(None):
        pass


class Volume:
    """An engine's volume: a file is written in its place, as far as the writer came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 20
        self.found: dict[str, bytes] = {}
        doors = {
            "have_sidecar_image": lambda *_: None,
            "create_volume": lambda *_: None,
            "list_volumes": lambda *_: [SimpleNamespace(name="shop-state")],
            "deliver": self.deliver,
            "read_volumes": self.read,
        }
        for name, door in doors.items():
            monkeypatch.setattr(target_state, name, door)

    def deliver(self, *words: Any) -> None:
        files: Mapping[str, Iterable[VolumeFile]] = words[-1]
        left = self.room
        for file in files["shop-state"]:
            if left > 0:
                self.found[file.path] = file.content[:left]
            left -= len(file.content)

    def read(self, *words: Any) -> dict[str, bytes]:
        content = self.found.get(words[-1])
        return {} if content is None else {"shop-state": content}


def test_a_run_that_is_killed_while_it_keeps_the_state_leaves_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine: Any = None
    volume, keeper = Volume(monkeypatch), TargetStateKeeper(engine, "sidecar", "shop")
    assert keeper.fetch() is None
    before, after = b'{"lineage": "a", "serial": 1}', b'{"lineage": "a", "serial": 2}'
    for killed_at in range(2 * len(after) + 1):
        volume.room = 1 << 20
        keeper.keep(before)
        volume.room = killed_at
        keeper.keep(after)
        assert keeper.fetch() == (before if killed_at < len(after) else after)
