"""The app's last log lines, kept within a bound and handed to whoever follows."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MAX_LINES = 1000
MAX_BYTES = 256 * 1024


class Line(NamedTuple):
    """One line: seconds since the epoch, "stdout" | "stderr" | "karst", its text."""

    time: float
    stream: str
    text: str


class LogRing:
    """A bounded, thread-safe ring. Positions count every line ever added."""

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._lines: deque[Line] = deque()
        self._size = 0
        self._end = 0
        self._max_lines, self._max_bytes = max_lines, max_bytes
        self._changed = threading.Condition()

    def add(self, line: Line) -> None:
        with self._changed:
            self._lines.append(line)
            self._size += len(line.text)
            self._end += 1
            while len(self._lines) > self._max_lines or self._size > self._max_bytes:
                self._size -= len(self._lines.popleft().text)
            self._changed.notify_all()

    def tail(self, count: int) -> tuple[list[Line], int]:
        """The last `count` lines, and the position after them for `after`."""
        with self._changed:
            return (list(self._lines)[-count:] if count > 0 else []), self._end

    def after(self, position: int, timeout: float) -> tuple[list[Line], int]:
        """Lines added since `position`, waiting up to `timeout` seconds for the first.

        Lines that have left the ring meanwhile are passed over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._end > position, timeout)
            count = min(self._end - position, len(self._lines))
            return (list(self._lines)[-count:] if count > 0 else []), self._end
