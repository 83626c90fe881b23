"""Which of an image's digests its own registry gave."""

from __future__ import annotations

import pytest

from karst.effects.engine_facts import own_digest

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
