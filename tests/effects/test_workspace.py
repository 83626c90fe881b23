"""Files and folders: atomic, private, temporary, and a full disk told as such."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from karst.effects import workspace
from karst.effects.workspace import (
    PRIVATE_FILE,
    atomic_write,
    private_directory,
    remove_tree,
    telling_full_disk,
    temporary_directory,
)
from karst.errors import ConfigError, DiskFullError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_has_its_text_and_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        atomic_write(tmp_path / "open", "grüß\n")
        atomic_write(tmp_path / "closed", b"\x00", mode=PRIVATE_FILE)
    finally:
        os.umask(before)
    assert (tmp_path / "open").read_text() == "grüß\n"
    assert (mode(tmp_path / "open"), mode(tmp_path / "closed")) == (0o644, 0o600)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["closed", "open"]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    atomic_write(tmp_path / "link", "new")
    assert target.read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


def test_a_failed_write_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic_write(tmp_path / "f", "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError) as caught:
        atomic_write(tmp_path / "f", "new")
    assert caught.value.where == str(tmp_path / "f")
    assert "there is no room left on the disk" in str(caught.value)
    assert (tmp_path / "f").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), telling_full_disk(tmp_path):
        (tmp_path / "gone").read_text()


def test_a_private_directory_is_private_also_when_it_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert private_directory(folder) == folder
    assert mode(folder) == 0o700
    folder.chmod(0o755)
    private_directory(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_private_directory_is_no_link_and_no_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / ".karst"
    if kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_text("")
    with pytest.raises(ConfigError, match="is a link or a file"):
        private_directory(place)


def test_a_temporary_directory_goes_with_whatever_is_in_it(tmp_path: Path) -> None:
    with temporary_directory(parent=tmp_path) as folder:
        assert mode(folder) == 0o700
        (folder / "locked" / "deep").mkdir(parents=True)
        (folder / "locked" / "deep" / "f").write_text("")
        (folder / "locked").chmod(0)
        (folder / "out").symlink_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_removing_a_link_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "gone")
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_what_somebody_still_writes_into_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look into a folder and its removal, by a thread that was given up."""
    tree, writes = tmp_path / "tree", iter(["late", "later"])
    (tree / "deep").mkdir(parents=True)
    remove = os.rmdir

    def rmdir(name: str, **where: Any) -> None:
        if str(name).endswith("tree") and (late := next(writes, None)):
            (tree / late).write_text("more")
        remove(name, **where)

    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "rmdir", rmdir)
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []
    assert next(writes, None) is None
    # What it stands in is somebody else's.
    assert mode(tmp_path) == 0o755


def test_what_somebody_else_removes_meanwhile_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    remove = shutil.rmtree

    def rmtree(path: Path) -> None:
        remove(path)
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    remove_tree(tree)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_that_can_t_be_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rmtree(path: Path) -> None:
        raise OSError(errno.EBUSY, "is a mount", str(path))

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    monkeypatch.setattr(workspace.time, "sleep", lambda _: None)
    with pytest.raises(OSError, match="is a mount"):
        remove_tree(tmp_path)


def test_folders_that_their_owner_has_closed_are_removed(tmp_path: Path) -> None:
    """By a child, which is not root, for nothing is closed to root."""
    (tmp_path / "tree/closed/deep").mkdir(parents=True)
    (tmp_path / "tree/closed/deep/file").write_text("text")
    (tmp_path / "tree/link").symlink_to("closed")
    nobody = 65534
    child = os.fork()
    if not child:
        code = 1
        try:
            os.chdir(tmp_path)
            if os.geteuid() == 0:
                for place in (tmp_path, *tmp_path.rglob("*")):
                    os.chown(place, nobody, nobody, follow_symlinks=False)
                os.setuid(nobody)
            for name in ("tree/closed/deep", "tree/closed", "tree"):
                Path(name).chmod(0)
            remove_tree(Path("tree"))
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(tmp_path.iterdir()) == []
