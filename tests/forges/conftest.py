"""Fake forges, and the check that they answered only what the real ones could."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.github import FakeGitHub, User

TOKEN = "ghp_canary0123456789canary"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub without repositories; TOKEN belongs to "ada"."""
    with FakeGitHub(tokens={TOKEN: User("ada")}) as forge:
        yield forge
    assert forge.violations == []
