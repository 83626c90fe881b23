"""A commit's file out of a clone: what the id says, and nothing that is not there."""

from __future__ import annotations

import hashlib
import os
import shutil
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


def test_a_file_that_cannot_be_read_is_not_one_that_is_not_there(
    repository: GitRepository,
) -> None:
    """As in a clone that has trees and fetches files one by one, with nothing to ask."""
    first = repository.commit({"a.txt": "one\n", "b.txt": "two\n"})
    blob = repository.git("rev-parse", f"{first}:a.txt")
    (repository.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(
        FetchError, match=f"'a.txt' of commit {first[:12]} can't be read"
    ):
        read(repository, first)
    assert read(repository, first, "b.txt") == "two\n"
    assert read(repository, first, "./b.txt") == "two\n"
    assert read(repository, first, "none.txt") is None


@pytest.mark.parametrize("word", ["rev-parse", "-e", "ls-tree", "blob"])
def test_a_git_that_is_killed_has_not_said_that_there_is_nothing(
    repository: GitRepository, tmp_path: Path, word: str
) -> None:
    first = repository.commit({"a.txt": "one\n"})
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\ncase " $* " in *" {word} "*) kill -KILL $$;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    script.chmod(0o755)
    environ = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}
    with pytest.raises(FetchError, match="git was ended"):
        read_committed(repository.folder, first, "a.txt", Processes(environ))
