"""Repositories, a git server for them, a forge that knows both, and what fetches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from book_forge import BookForge, Repositories
from git_server import GitServer, serving

from karst.effects.process import Processes
from karst.fetch.cache import CheckoutCache
from karst.fetch.remote_source import RemoteSource


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    (tmp_path / "served").mkdir()
    return Repositories(tmp_path / "served")


@pytest.fixture
def server(repositories: Repositories) -> Iterator[GitServer]:
    with serving(repositories.root) as found:
        yield found


@pytest.fixture
def forge(repositories: Repositories, server: GitServer) -> BookForge:
    return BookForge(repositories, server)


@pytest.fixture
def cache(tmp_path: Path) -> CheckoutCache:
    return CheckoutCache(tmp_path / "cache")


@pytest.fixture
def source(
    forge: BookForge, cache: CheckoutCache, processes: Processes
) -> RemoteSource:
    return RemoteSource(forge, cache, processes)


@pytest.fixture
def processes() -> Processes:
    return Processes(os.environ, grace=1.0)
