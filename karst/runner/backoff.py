"""A child process that is kept alive: when to start it again, and how often it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

FIRST = 0.2
LIMIT = 10.0
STEADY = 60.0


class KeptAlive:
    """Starts a child, and starts it again with growing pauses while it keeps ending.

    Times are seconds of one monotonic clock, given by the caller. `start` returns a pid.
    """

    def __init__(self, name: str, start: Callable[[], int]) -> None:
        self.name = name
        self.pid = 0
        self.restarts = 0
        self.last_exit: int | None = None
        self._start = start
        self._pause = FIRST
        self._started_at = 0.0
        self._due_at: float | None = None

    def tick(self, now: float) -> bool:
        """Start the child if it is due; True if it was started now."""
        if self.pid or (self._due_at is not None and now < self._due_at):
            return False
        if self._due_at is not None:
            self.restarts += 1
        self.pid = self._start()
        self._started_at = now
        return True

    def ended(self, status: int, now: float) -> float:
        """Take note of the child's wait status; returns the pause before the next start."""
        self.pid = 0
        self.last_exit = os.waitstatus_to_exitcode(status)
        if now - self._started_at >= STEADY:
            self._pause = FIRST
        pause, self._pause = self._pause, min(self._pause * 2, LIMIT)
        self._due_at = now + pause
        return pause

    def signal(self, number: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, number)
