"""What karst keeps on the target, read while another run writes it, or was killed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from karst.effects.engine_volumes import VolumeFacts
from karst.errors import EngineError
from karst.mesh import target
from karst.mesh.target import TargetState, read_target, target_file

NOTE = TargetState(released={"api": "r1"}, sequence=7, key="ab")
CONTENT = target_file(NOTE).content


def keeping(
    monkeypatch: pytest.MonkeyPatch, *found: bytes | None
) -> list[bytes | None]:
    """Have the note's volume give these, one after the other, the last for good; what
    was not asked for is left."""
    left = list(found)

    def read(_: Any, __: str, names: Iterable[str], path: str) -> dict[str, bytes]:
        assert (list(names), path) == (["shop-karst"], "target.json")
        content = left.pop(0) if len(left) > 1 else left[0]
        return {} if content is None else {"shop-karst": content}

    volumes = (VolumeFacts("shop-karst", {}),) if found else ()
    monkeypatch.setattr(target, "list_volumes", lambda *_: volumes)
    monkeypatch.setattr(target, "read_volumes", read)
    monkeypatch.setattr(target, "_PAUSE", 0.0)
    return left


def read_note() -> TargetState:
    return read_target(object(), "side:1", "shop")  # type: ignore[arg-type]


def test_what_was_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    keeping(monkeypatch, CONTENT)
    assert read_note() == NOTE


@pytest.mark.parametrize("found", [(), (None,)])
def test_a_stack_that_is_new_has_a_key_of_its_own(
    found: tuple[None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping(monkeypatch, *found)
    first, second = read_note(), read_note()
    assert (first.released, first.sequence) == ({}, 0)
    assert len(first.key) == 64
    assert first.key != second.key


def test_a_note_that_another_run_writes_just_now_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeping(monkeypatch, None, b"", CONTENT[:20], CONTENT)
    assert read_note() == NOTE


def test_a_note_that_a_killed_run_tore_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    keeping(monkeypatch, CONTENT[:20])
    with pytest.raises(EngineError) as caught:
        read_note()
    assert "'shop' is torn" in caught.value.what
    assert caught.value.where == "target.json in volume shop-karst"
