"""Fake forges, and the check that they answered only what the real ones could."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from publishers import BOT, FAKES, REPOSITORY, open_publisher
from publishers import TOKEN as BOT_TOKEN

from karst.forges.access import Kind
from karst.forges.publishing import Publisher
from tests.fakes.described import Answered, bitbucket_faults, gitlab_faults
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User
from tests.fakes.world import TOKEN, World, open_world

Said = dict[str, list[Answered]]


@pytest.fixture(scope="session")
def answered() -> Iterator[Said]:
    """Everything that the fake GitLab and Bitbucket answered, judged at the end."""
    said: Said = {"gl": [], "bb": []}
    yield said
    assert (gitlab_faults(said["gl"]), bitbucket_faults(said["bb"])) == ([], [])


@pytest.fixture(params=["gh", "gl", "bb"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, answered: Said
) -> Iterator[World]:
    """Each forge in turn."""
    yield from _opened(request.param, tmp_path, answered)


@pytest.fixture
def github_world(tmp_path: Path, answered: Said) -> Iterator[World]:
    yield from _opened("gh", tmp_path, answered)


@pytest.fixture
def gitlab_world(tmp_path: Path, answered: Said) -> Iterator[World]:
    yield from _opened("gl", tmp_path, answered)


@pytest.fixture
def bitbucket_world(tmp_path: Path, answered: Said) -> Iterator[World]:
    yield from _opened("bb", tmp_path, answered)


def _opened(kind: Kind, folder: Path, answered: Said) -> Iterator[World]:
    with open_world(kind, folder) as world:
        yield world
        if kind != "gh":
            answered[kind] += world.fake.seen_documents


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub without repositories; TOKEN belongs to "ada"."""
    with FakeGitHub(tokens={TOKEN: User("ada")}) as forge:
        yield forge
    assert (forge.violations, forge.crashes) == ([], [])


@pytest.fixture(params=["gh", "gl"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, answered: Said
) -> Iterator[Desk]:
    """A repository with repos.yaml, at each forge that has requests in turn."""
    with FAKES[request.param](tokens={BOT_TOKEN: BOT}) as forge:
        forge.add(REPOSITORY, tmp_path / "shop").commit({"repos.yaml": "- file:./a\n"})
        yield Desk(forge, REPOSITORY)
    assert (forge.violations, forge.crashes) == ([], [])
    if request.param == "gl":
        answered["gl"] += forge.seen_documents


@pytest.fixture
def ours(desk: Desk) -> Publisher:
    return open_publisher(desk)
