"""One end in time for all that a run fetches."""

from __future__ import annotations

import threading

from karst.effects.clock import Clock
from karst.errors import FetchError

DEFAULT_SECONDS = 600.0


class Deadline:
    """A moment after which nothing more is fetched; shared by all threads of a run.

    Attributes:
        stop: set when everything shall end, because of the time or of an interrupt.
    """

    def __init__(
        self, seconds: float = DEFAULT_SECONDS, clock: Clock | None = None
    ) -> None:
        self._clock = clock or Clock()
        self._seconds = seconds
        self._end = self._clock.monotonic() + seconds
        self.stop = threading.Event()

    def remaining(self) -> float:
        """Seconds that are left, 0 at the end."""
        if self.stop.is_set():
            return 0.0
        return max(0.0, self._end - self._clock.monotonic())

    def check(self, where: str) -> float:
        """Return the seconds that are left; raises FetchError where there are none."""
        left = self.remaining()
        if not left:
            raise self.error(where)
        return left

    def error(self, where: str) -> FetchError:
        """Return the error for what was not fetched in time."""
        if self.stop.is_set():
            return FetchError("fetching was ended before its end", where=where)
        return FetchError(
            f"fetching took longer than {self._seconds:g} s",
            where=where,
            remedy="run it again (what is fetched is kept), or give it more time by KARST_FETCH_SECONDS",
        )
