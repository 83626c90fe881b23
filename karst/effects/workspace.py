"""The door to the file system: atomic writes, private and temporary folders."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from karst.errors import ConfigError, DiskFullError

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
_FULL = (errno.ENOSPC, errno.EDQUOT)
# Whoever waits for a lock for longer is told of it.
_UNTOLD = 1.0
_REMOVALS = 10
# As `atomic_write` names what it has not finished.
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{12}\.new")


@contextlib.contextmanager
def telling_full_disk(path: Path) -> Iterator[None]:
    """Turn "no room" on or near `path` into DiskFullError; other errors pass."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(str(path)) from error
        raise


def is_disk_full(error: OSError) -> bool:
    return error.errno in _FULL


def disk_full(where: str, *, detail: str = "") -> DiskFullError:
    """Return the error for a disk without room at `where`."""
    return DiskFullError(
        "there is no room left on the disk",
        where=where,
        remedy="free some room (`docker system df` and `df -h` show where it went), then run the same command again",
        detail=detail,
    )


def atomic_write(path: Path, data: str | bytes, *, mode: int = PUBLIC_FILE) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all.

    The file has exactly `mode`, whatever the umask. A link at `path` is replaced,
    never followed. Raises DiskFullError; other OSErrors pass.
    """
    raw = data.encode() if isinstance(data, str) else data
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    with telling_full_disk(path):
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(fd, "wb") as file:
                file.write(raw)
                file.flush()
                os.fchmod(fd, mode)
                os.fsync(fd)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def written_as(path: Path) -> Path:
    """The file that `path` is to become: itself, unless it is one that `atomic_write` of
    another run has not finished."""
    draft = _DRAFT.fullmatch(path.name)
    return path.with_name(draft[1]) if draft else path


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def private_directory(path: Path) -> Path:
    """Make `path` a folder that only its owner can enter (0700), and return it.

    Raises ConfigError where a link or a file stands there: a repository could name
    a place outside of itself by such a link.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise ConfigError(
            "a folder of karst's own is a link or a file",
            where=str(path),
            remedy="remove it; karst makes the folder itself",
        )
    with telling_full_disk(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path


@contextlib.contextmanager
def locked(
    path: Path, *, seconds: float, waiting: Callable[[], None] | None = None
) -> Iterator[bool]:
    """Hold the file `path` as a lock; gives False where another process keeps it.

    Waits for up to `seconds`, and calls `waiting` once that takes a second. The kernel
    lets go of it when this process ends, however it ends, so nobody has to clear one
    away.
    """
    with telling_full_disk(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        yield _take(fd, seconds, waiting)
    finally:
        os.close(fd)


def _take(fd: int, seconds: float, waiting: Callable[[], None] | None) -> bool:
    began = time.monotonic()
    while True:
        # Before the look: who is held up in between looks once more.
        waited = time.monotonic() - began
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting and min(waited, seconds) > _UNTOLD:
                waiting()
                waiting = None
            if waited >= seconds:
                return False
            time.sleep(0.1)
        else:
            return True


@contextlib.contextmanager
def temporary_directory(
    prefix: str = "karst-", *, parent: Path | None = None
) -> Iterator[Path]:
    """Give a new folder (0700) that is removed, whatever is in it, at the end."""
    with telling_full_disk(parent or Path(tempfile.gettempdir())):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield path
    finally:
        remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it, folders without permissions included.

    A path that is not there is well. Links are removed, not followed. Whoever was told
    to stop may still write there for a moment, or remove something itself.
    """
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
        return
    for attempt in range(1, _REMOVALS + 1):
        try:
            if path.exists():
                shutil.rmtree(path)
        except OSError:
            if attempt == _REMOVALS:
                raise
            _open_up(path)
            time.sleep(0.05 * attempt)
        else:
            return


def _open_up(path: Path) -> None:
    """Make every folder from `path` down one that its owner can change."""
    with contextlib.suppress(OSError):
        path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for name in names:
            place = Path(folder, name)
            with contextlib.suppress(OSError):
                if not place.is_symlink():
                    place.chmod(0o700)
