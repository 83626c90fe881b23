"""One process at a time in a stack's folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from karst.effects.workspace import locked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes only where somebody waits: a busy machine leaps over a whole wait."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    found = SimpleNamespace(monotonic=lambda: passed[0], sleep=sleep)
    monkeypatch.setattr("karst.effects.workspace.time", found)


def test_a_lock_is_held_once_and_free_again_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "shop.lock"
    with locked(file, seconds=0) as first:
        with locked(file, seconds=0.2) as second:
            assert (first, second) == (True, False)
        with locked(tmp_path / "other.lock", seconds=0) as other:
            assert other
    with locked(file, seconds=0) as again:
        assert again
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("clock")
def test_a_wait_is_told_once_and_only_where_it_is_long(tmp_path: Path) -> None:
    file = tmp_path / "shop.lock"
    told = MagicMock()
    with locked(file, seconds=5, waiting=told):
        with locked(file, seconds=0.3, waiting=told) as second:
            assert not second
        told.assert_not_called()
        with locked(file, seconds=1.5, waiting=told) as third:
            assert not third
    told.assert_called_once_with()
