"""The door to time, so that what depends on it can be asked about any moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, UTC, with its zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def looks(clock: Clock, deadline: float, pause: float) -> Iterator[None]:
    """Yield before each look at what is to come, `pause` seconds apart.

    Whether time is over is asked before a look: one that begins after `deadline`, a
    moment of `clock.monotonic()`, is the last and shows what came meanwhile.
    """
    late = False
    while not late:
        late = clock.monotonic() > deadline
        yield
        if not late:
            clock.sleep(pause)
