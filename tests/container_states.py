"""Containers as the engine would tell of them."""

from __future__ import annotations

from typing import Any

from karst.effects.engine_facts import ContainerState


def container_state(**facts: Any) -> ContainerState:
    """A container that runs, but for `facts`."""
    usual: dict[str, Any] = {
        "id": "1",
        "name": "app",
        "labels": {},
        "status": "running",
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "",
        "exit_code": 0,
        "oom_killed": False,
        "restarts": 0,
        "health": "",
        "image": "image",
        "error": "",
    }
    return ContainerState(**(usual | facts))
