"""What `karst ps` tells of a container."""

from __future__ import annotations

import pytest
from container_states import container_state

from karst.cli.watching import container_row


@pytest.mark.parametrize(
    ("label", "role", "release"),
    [("app", "app", "1a2b"), ("sidecar", "sidecar", "1a2b"), ("edge", "door", "")],
)
def test_a_door_is_called_one_and_has_no_release(
    label: str, role: str, release: str
) -> None:
    labels = {
        "karst.role": label,
        "karst.service": "web",
        "karst.release": "1a2b",
    }
    state = container_state(
        name="shop-web", labels=labels, started_at="2026-11-22T00:00:00Z", image="i"
    )
    assert container_row(state) == {
        "service": "web",
        "role": role,
        "release": release,
        "status": "running",
        "started": "2026-11-22T00:00:00Z",
        "container": "shop-web",
    }
