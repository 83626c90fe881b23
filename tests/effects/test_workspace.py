"""Files and folders: atomic, private, temporary, and a full disk told as such."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

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
