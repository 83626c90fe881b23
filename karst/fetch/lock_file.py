"""repos.lock on disk: beside its repos.yaml, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from karst.effects.workspace import atomic_write
from karst.errors import LockError, UsageError
from karst.fetch.lock import RepoLock
from karst.fetch.lock_text import parse_lock, render_lock


def lock_path(file: Path) -> Path:
    """`repos.lock` for repos.yaml, `staging.lock` for staging.yaml."""
    path = file.with_suffix(".lock")
    if path == file:
        raise UsageError(
            "a list of services can't be called .lock: its lock file would be itself",
            where=str(file),
            remedy="call it .yaml or .json",
        )
    return path


def read_lock(path: Path) -> RepoLock | None:
    """The lock at `path`, None where there is none; raises LockError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(
            f"the file can't be read ({error})",
            where=str(path),
            remedy="remove it and run `karst lock`, or take it as it was committed",
        ) from None
    return parse_lock(text, source=str(path))


def write_lock(path: Path, lock: RepoLock) -> bool:
    """Write `lock` to `path`; False where the file says just that already.

    Raises LockError where the folder can't be written, DiskFullError.
    """
    text = render_lock(lock)
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        atomic_write(path, text)
    except OSError as error:
        raise LockError(
            f"the file can't be written: {error.strerror}",
            where=str(path),
            remedy="check the permissions of its folder",
        ) from None
    return True
