"""A commit's file out of a clone: what the id says, and nothing that is not there."""

from __future__ import annotations

import hashlib
import os
import zlib
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


@pytest.mark.parametrize("cloned", [True, False])
def test_files_that_look_like_a_repository_forge_nothing(
    repository: GitRepository, tmp_path: Path, cloned: bool
) -> None:
    """A request commits HEAD, refs/ and objects/ with a tree under the base's own id."""
    first = repository.commit({"a.txt": "one\n"})
    folder = repository.folder if cloned else tmp_path
    blob = hashlib.sha1(b"blob 7\0forged\n", usedforsecurity=False).hexdigest()
    commit = f"{repository.git('cat-file', 'commit', first)}\n".encode()
    body = b"100644 a.txt\0" + bytes.fromhex(blob)
    tree = repository.git("rev-parse", f"{first}^{{tree}}")
    forged = {
        first: b"commit %d\0" % len(commit) + commit,
        tree: b"tree %d\0" % len(body) + body,
        blob: b"blob 7\0forged\n",
    }
    for identity, content in forged.items():
        place = folder / "objects" / identity[:2]
        place.mkdir(parents=True, exist_ok=True)
        (place / identity[2:]).write_bytes(zlib.compress(content))
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    processes = Processes(dict(os.environ))
    if cloned:
        assert read_committed(folder, first, "a.txt", processes) == "one\n"
        return
    with pytest.raises(FetchError, match="not in the clone"):
        read_committed(folder, first, "a.txt", processes)
