"""An image's own digest, and where a container's log goes on after a start."""

from __future__ import annotations

from datetime import datetime

import pytest
from container_states import container_state

from karst.effects.engine_facts import ContainerState, own_digest

LISTED = (
    "mirror.example:5000/library/python@sha256:aa",
    "python@sha256:bb",
    "127.0.0.1:5000/web@sha256:cc",
)


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("python:3.12-slim", "sha256:bb"),
        ("docker.io/library/python", "sha256:bb"),
        ("library/python:3", "sha256:bb"),
        ("python:3.12-slim@sha256:dd", "sha256:bb"),
        ("mirror.example:5000/library/python:3.12", "sha256:aa"),
        ("127.0.0.1:5000/web", "sha256:cc"),
        ("127.0.0.1:5001/web", ""),
        # Tagged anew: a digest of the first name means nothing under this one.
        ("mine/python:3.12-slim", ""),
        ("sha256:0123", ""),
    ],
)
def test_the_digest_of_its_own_name(reference: str, digest: str) -> None:
    assert own_digest(reference, LISTED) == digest


def test_an_image_that_no_registry_knows() -> None:
    assert own_digest("python:3.12-slim", ()) == ""


def container(started_at: str, finished_at: str) -> ContainerState:
    return container_state(started_at=started_at, finished_at=finished_at)


@pytest.mark.parametrize(
    ("finished_at", "after"),
    [
        # The first start, and a start that has ended since.
        ("", "2026-01-01T11:59:59"),
        ("2026-01-01T12:00:07.5Z", "2026-01-01T11:59:59"),
        # The former start ended long before, and just before.
        ("2026-01-01T11:00:00.123456789Z", "2026-01-01T11:59:59"),
        ("2026-01-01T11:59:59.9Z", "2026-01-01T11:59:59.950"),
    ],
)
def test_a_log_goes_on_between_an_end_and_the_next_start(
    finished_at: str, after: str
) -> None:
    found = container("2026-01-01T12:00:00Z", finished_at).first_line_after
    assert found == datetime.fromisoformat(f"{after}+00:00")
