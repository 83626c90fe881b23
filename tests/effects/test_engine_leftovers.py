"""What a killed run has left, beside a living run that is slow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from karst.effects.engine import Engine
from karst.effects.engine_volumes import remove_leftovers

# The engine's library looks for IPv6 with a socket when it is first imported.
pytestmark = pytest.mark.processes


def left_by(*, starts_it_now: bool) -> list[str]:
    """What is left of an old probe; its run may start it after it was looked at."""
    there = ["probe"]

    def look(_: str) -> dict[str, Any]:
        state = {
            "Status": "created",
            "StartedAt": "0001-01-01T00:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "ExitCode": 0,
        }
        return {"Id": "probe", "Name": "p", "Config": {"Image": "i"}, "State": state}

    def remove(name: str, *, force: bool = False, v: bool) -> None:
        assert v
        if starts_it_now and not force:
            answer: Any = SimpleNamespace(status_code=409)
            raise APIError("409", response=answer, explanation="it is running")
        there.remove(name)

    api = SimpleNamespace(
        containers=lambda **named: [
            {"Id": "probe", "Created": 1}
            for _ in there
            if named["filters"]["label"] == "karst.role=probe"
        ],
        inspect_container=look,
        remove_container=remove,
    )
    client: Any = SimpleNamespace(api=api)
    remove_leftovers(Engine(client, "host", "1", "linux/amd64"), before=100.0)
    return there


def test_an_old_probe_that_nobody_started_is_removed() -> None:
    assert left_by(starts_it_now=False) == []


def test_one_that_is_started_at_this_moment_is_left() -> None:
    assert left_by(starts_it_now=True) == ["probe"]
