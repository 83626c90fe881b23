"""Fetched commits kept on disk, each proved by git's own ids whenever it is used.

    v1/commits/<commit>.tar.gz   the commit's files, as an archive with one top folder
    v1/commits/<commit>.json     notes: the commit object, submodules (if there are)
    v1/contents/<sha256>         content that LFS pointers stand for
    v1/locks/, v1/drafts/        who fetches what now

An entry is plain files without a path in them, so the folder may be moved, packed and
shared. Nothing in it is believed: an entry is unpacked as strictly as an archive from
the network, and must hash to the tree that the caller knows, or that the commit id
itself proves.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from karst.effects.workspace import (
    atomic_write,
    locked,
    private_directory,
    remove_tree,
    telling_full_disk,
    temporary_directory,
)
from karst.errors import FetchError
from karst.fetch.cache_notes import Notes, parse_notes
from karst.fetch.pointer import Pointer, copy_content
from karst.fetch.unpack import Unpacked, unpack
from karst.fetch.unpack_limits import MEBIBYTE, Limits

DEFAULT_BYTES = 2048 * MEBIBYTE
_LAYOUT = "v1"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOTES_BYTES = 4 * MEBIBYTE
# Left behind by a process that was killed; nobody fetches for as long.
_STALE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class CheckoutCache:
    """A folder of commits; safe to be used by several processes and threads at once.

    Attributes:
        folder: made when first needed.
        size: bytes that it may take; what was used longest ago goes first.
    """

    folder: Path
    size: int = DEFAULT_BYTES
    _held: _Held = field(default_factory=lambda: _Held(), repr=False, compare=False)

    def take(
        self,
        commit: str,
        tree: str | None,
        into: Path,
        *,
        where: str,
        folder: str = "",
        limits: Limits | None = None,
    ) -> Unpacked | None:
        """Unpack `commit` into the new folder `into`; None where it is not here.

        Args:
            tree: the commit's git tree id, from its forge or a lock; where that is
                not known, the kept commit object must prove it.

        What does not hash to the tree is dropped, and is then not here.
        """
        path = self._archive(commit)
        file = _open(path)
        if file is None:
            return None
        with file:
            notes = self._notes(commit)
            tree = tree or notes.tree_of(commit)
            if tree is None:
                return None
            try:
                found = unpack(
                    file,
                    into,
                    where=where,
                    folder=folder,
                    submodules=notes.submodules,
                    limits=limits,
                )
            except FetchError as error:
                # What the checkout's own disk or folder is to blame for says nothing
                # of the entry: an interrupted run takes its folders away.
                if not isinstance(error.__cause__, OSError):
                    self._drop(commit)
                return None
        if found.root_tree() != tree:
            remove_tree(into)
            self._drop(commit)
            return None
        _touch(path)
        return found

    def keep(self, commit: str, archive: Path, notes: Notes) -> None:
        """Move the `.tar.gz` in `archive` (in a draft of this cache) to its place."""
        with telling_full_disk(self.folder):
            self._part("commits")
            beside = self._archive(commit, ".json")
            if notes:
                atomic_write(beside, notes.render(), mode=0o600)
            else:
                beside.unlink(missing_ok=True)
            archive.chmod(0o600)
            added = archive.stat().st_size
            archive.replace(self._archive(commit))
        self._trim(added)

    def take_content(self, pointer: Pointer, into: Path) -> bool:
        """Put what `pointer` stands for into the file `into`; False if it lacks."""
        path = self._layout / "contents" / pointer.oid
        file = _open(path)
        if file is None:
            return False
        with file, telling_full_disk(into):
            if copy_content(pointer, file, into):
                _touch(path)
                return True
        path.unlink(missing_ok=True)
        return False

    def keep_content(self, pointer: Pointer, file: Path) -> None:
        """Move a file (in a draft of this cache) to its place."""
        with telling_full_disk(self.folder):
            file.chmod(0o600)
            file.replace(self._part("contents") / pointer.oid)
        self._trim(pointer.size)

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Give a new folder on the cache's own disk, removed at the end."""
        with temporary_directory("draft-", parent=self._part("drafts")) as folder:
            yield folder

    @contextlib.contextmanager
    def claim(self, commit: str, seconds: float) -> Iterator[None]:
        """Keep others from fetching `commit`, too, for as long as the block runs.

        After `seconds` it goes on all the same: two fetches are only a waste.
        """
        # Few locks for many commits, so that no lock file has to be removed.
        with locked(self._part("locks") / commit[:2], seconds=seconds):
            yield

    @property
    def _layout(self) -> Path:
        return self.folder / _LAYOUT

    def _part(self, name: str) -> Path:
        for folder in (self.folder, self._layout):
            private_directory(folder)
        return private_directory(self._layout / name)

    def _archive(self, commit: str, ending: str = ".tar.gz") -> Path:
        return self._layout / "commits" / (commit + ending)

    def _notes(self, commit: str) -> Notes:
        file = _open(self._archive(commit, ".json"))
        if file is None:
            return Notes()
        with file:
            return parse_notes(file.read(_NOTES_BYTES))

    def _drop(self, commit: str) -> None:
        for ending in (".tar.gz", ".json"):
            self._archive(commit, ending).unlink(missing_ok=True)

    def _trim(self, added: int) -> None:
        """Remove what was used longest ago, until the rest fits.

        The folder is looked through when this process keeps its first entry and when,
        by its own count, it may be over the bound. What other processes add meanwhile
        is counted by them, or the next time.
        """
        with self._held.guard:
            self._held.bytes += added
            if self._held.bytes <= self.size and self._held.counted:
                return
            with locked(self._part("locks") / "trim", seconds=0) as mine:
                if mine:
                    self._held.bytes = self._remove_oldest()
                    self._held.counted = True
                    self._sweep()

    def _remove_oldest(self) -> int:
        """Remove entries until the rest fits; return the bytes that are left."""
        found: dict[str, tuple[float, int]] = {}
        for part in ("commits", "contents"):
            for entry in os.scandir(self._part(part)):
                if entry.name.startswith("."):  # notes that nobody has finished
                    _remove_stale(Path(entry.path))
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    # An archive and its notes stay and go together.
                    key = f"{part}/{entry.name.partition('.')[0]}"
                    used, size = found.get(key, (0.0, 0))
                    found[key] = max(used, status.st_mtime), size + status.st_size
        total = sum(size for _, size in found.values())
        for key, (_, size) in sorted(found.items(), key=lambda item: item[1]):
            if total <= self.size:
                break
            for ending in ("", ".tar.gz", ".json"):
                (self._layout / (key + ending)).unlink(missing_ok=True)
            total -= size
        return total

    def _sweep(self) -> None:
        for draft in self._part("drafts").iterdir():
            _remove_stale(draft)


class _Held:
    """What this process believes to be in the folder."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.bytes = 0
        self.counted = False


def _open(path: Path) -> BinaryIO | None:
    """Open a plain file; None where there is none."""
    try:
        fd = os.open(path, _OPEN)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return os.fdopen(fd, "rb")


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
            remove_tree(path)


def _touch(path: Path) -> None:
    # A read-only cache is still a cache.
    with contextlib.suppress(OSError):
        os.utime(path)
