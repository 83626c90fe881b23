"""A commit's file out of a clone: what the id says, and nothing that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.git_file import read_committed
from tests.fakes.repositories import GitRepository

pytestmark = pytest.mark.processes


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "shop")


def read(repository: GitRepository, commit: str, path: str = "a.txt") -> str | None:
    processes = Processes(dict(os.environ))
    return read_committed(repository.folder, commit, path, processes)


def test_a_file_is_as_the_commit_has_it(repository: GitRepository) -> None:
    first = repository.commit({"a.txt": "one\n", "deep/b.txt": "é\n"})
    repository.commit({"a.txt": "two\n"})
    assert read(repository, first) == "one\n"
    assert read(repository, first, "deep/b.txt") == "é\n"
    assert read(repository, first, "deep") is None
    assert read(repository, first, "none.txt") is None


def test_a_commit_that_is_not_there_is_a_sentence(repository: GitRepository) -> None:
    repository.commit({"a.txt": "one\n"})
    with pytest.raises(FetchError, match="not in the clone"):
        read(repository, "1" * 40)


def test_no_clone_is_the_same_sentence(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="not in the clone"):
        read_committed(tmp_path, "1" * 40, "a.txt", Processes(dict(os.environ)))


def test_another_object_under_the_same_id_is_not_shown(
    repository: GitRepository,
) -> None:
    first = repository.commit({"a.txt": "one\n"})
    second = repository.commit({"a.txt": "forged\n"})
    repository.git("replace", first, second)
    assert read(repository, first) == "one\n"
