"""The tree id is git's own, for any set of files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karst.fetch.exclude import walk
from karst.fetch.local import copy_files
from karst.fetch.tree import TreeEntry, read_entry, tree_id

pytestmark = pytest.mark.processes

_NAME = st.text(
    st.characters(exclude_characters="/\0\\", exclude_categories=("Cs", "Cc")),
    min_size=1,
    max_size=5,
).filter(
    # git refuses `.git` in every spelling a file system could take for it.
    lambda name: (
        name not in (".", "..")
        and not name.lower().startswith(("git", ".git", ".env"))
        and name not in ("venv", ".venv", "secrets")
        and not name.endswith(".pyc")
    )
)
_PATH = st.lists(
    st.one_of(st.sampled_from(["a", "a.b", "a0", "a-"]), _NAME), min_size=1, max_size=3
).map("/".join)
_FILE = st.tuples(st.sampled_from(["file", "program", "link"]), st.binary(max_size=20))


def write(root: Path, path: str, kind: str, content: bytes) -> bool:
    place = root / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() or place.is_symlink():
            return False
        if kind == "link":
            place.symlink_to(b"to-" + content.replace(b"\0", b"").hex().encode())
        else:
            place.write_bytes(content)
            place.chmod(0o755 if kind == "program" else 0o644)
    except (FileExistsError, NotADirectoryError):
        return False
    return True


def git_tree_id(root: Path) -> str:
    with tempfile.TemporaryDirectory() as git_dir:
        git = ["git", "-c", "core.autocrlf=false", f"--git-dir={git_dir}"]
        inside = [*git, f"--work-tree={root}"]
        quiet = {"capture_output": True, "check": True, "cwd": root}
        subprocess.run([*git, "init", "-q", "--bare"], **quiet)  # type: ignore[call-overload]
        subprocess.run(
            [*inside, "-c", "core.bare=false", "add", "-A", "-f", "."],
            **quiet,  # type: ignore[call-overload]
        )
        done = subprocess.run([*inside, "write-tree"], **quiet)  # type: ignore[call-overload]
        return str(done.stdout.decode().strip())


@settings(max_examples=60)
@given(st.dictionaries(_PATH, _FILE, min_size=1, max_size=8))
def test_it_equals_git_write_tree(files: dict[str, tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, (kind, content) in files.items():
            write(root, path, kind, content)
        ours = tree_id(read_entry(root, path) for path in walk(root))
        assert ours == git_tree_id(root)


def test_the_order_of_folders_and_files_of_like_names_is_git_s(tmp_path: Path) -> None:
    for path in ("a/x", "a.b", "a0", "a-"):
        write(tmp_path, path, "file", b"")
    entries = [read_entry(tmp_path, path) for path in ("a/x", "a.b", "a0", "a-")]
    assert tree_id(entries) == git_tree_id(tmp_path)
    assert tree_id(reversed(entries)) == tree_id(entries)


@pytest.mark.parametrize("target", ["./a", "a/.", "a//b", "a/"])
def test_a_link_s_target_is_taken_as_it_stands(tmp_path: Path, target: str) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    (source / "link").symlink_to(target)
    copy_files(source, ("link",), copy)
    for root in (source, copy):
        assert tree_id([read_entry(root, "link")]) == git_tree_id(root)
    assert os.readlink(copy / "link") == target  # noqa: PTH115


def test_an_entry_tells_files_programs_and_links_apart(tmp_path: Path) -> None:
    write(tmp_path, "file", "file", b"hello\n")
    write(tmp_path, "program", "program", b"hello\n")
    (tmp_path / "link").symlink_to("hello\n")
    blob = "ce013625030ba8dba906f756967f9e9ca394464a"
    assert [read_entry(tmp_path, n) for n in ("file", "program", "link")] == [
        TreeEntry("file", "100644", blob),
        TreeEntry("program", "100755", blob),
        TreeEntry("link", "120000", blob),
    ]


def test_an_empty_set_is_git_s_empty_tree() -> None:
    assert tree_id([]) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_what_never_belongs_to_a_folder_is_passed_over(tmp_path: Path) -> None:
    for path in (
        ".git/config",
        ".karst/state",
        "secrets/ca.key",
        "deep/secrets/key",
        ".env",
        "deep/.env.local",
        ".envrc",
        "x.pyc",
        "__pycache__/x",
        "venv/bin/python",
        ".venv/bin/python",
        "kept/secrets/__init__.py",
        "kept/secrets/vault.py",
        "kept/environment.py",
        ".gitignore",
        "env.example",
    ):
        write(tmp_path, path, "file", b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    assert sorted(walk(tmp_path)) == [
        ".gitignore",
        "env.example",
        "kept/environment.py",
        "kept/secrets/__init__.py",
        "kept/secrets/vault.py",
    ]


def test_a_package_called_secrets_at_the_root_stays_out(tmp_path: Path) -> None:
    write(tmp_path, "secrets/__init__.py", "file", b"")
    assert list(walk(tmp_path)) == []
