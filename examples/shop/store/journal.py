"""An append-only file of changes, one JSON line each.

Several processes may share it: each takes its turn under a lock and first reads
what the others wrote. So an old and a new release can run side by side.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("store")


class JournalDamaged(Exception):
    """A line in the middle of the journal can't be read."""


class MemoryJournal:
    """Keeps nothing: the changes live as long as the process."""

    kept = "memory"

    @contextmanager
    def turn(self) -> Iterator[list[dict]]:
        yield []

    def append(self, change: dict) -> None:
        pass


class FileJournal:
    """The journal in a file that this process may write; raises OSError."""

    kept = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._offset = 0

    @contextmanager
    def turn(self) -> Iterator[list[dict]]:
        """Hold the lock; yields the changes that this process has not seen yet."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield self._catch_up()
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def append(self, change: dict) -> None:
        """Write `change` to the disk, within a turn; on OSError nothing stays."""
        line = json.dumps(change).encode() + b"\n"
        try:
            written = os.pwrite(self._file, line, self._offset)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._offset)
            raise
        self._offset += len(line)

    def _catch_up(self) -> list[dict]:
        size = os.fstat(self._file).st_size
        data = b""
        while piece := os.pread(
            self._file, size - self._offset - len(data), self._offset + len(data)
        ):
            data += piece
        # What follows the last newline was never confirmed to anybody: whoever wrote
        # it died over it. The next change is written in its place.
        whole = data[: data.rfind(b"\n") + 1]
        try:
            changes = [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise JournalDamaged(
                f"{self._path} holds a line that is no JSON"
            ) from error
        self._offset += len(whole)
        return changes


def open_journal(folder: Path) -> FileJournal | MemoryJournal:
    """Open the journal in `folder`, or one in memory where that can't be written."""
    path = folder / "journal.jsonl"
    try:
        journal = FileJournal(path)
    except OSError as error:
        log.warning(
            "keeping everything in memory: %s: %s; orders end with this process",
            path,
            error.strerror,
        )
        return MemoryJournal()
    log.info("keeping everything in %s", path)
    return journal
