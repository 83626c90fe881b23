"""Signals: what must not be cut short, and what must not take for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


@contextmanager
def shielded() -> Iterator[None]:
    """Put off interrupts and time limits until the end of the block, and heed them there.

    A pipeline that cancels a job sends SIGINT, SIGTERM seconds later, and kills at last:
    removing what a run made begins at the first and may not end at the second.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: set[int] = set()

    def note(number: int, _frame: FrameType | None) -> None:
        caught.add(number)

    before = {int(stop): signal.signal(stop, note) for stop in _STOPS}
    try:
        yield
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)
    for stop in caught:
        handler = before[stop]
        if not callable(handler):
            raise KeyboardInterrupt
        handler(stop, None)


@contextmanager
def limited(seconds: float, error: Exception) -> Iterator[None]:
    """Raise `error` in the block once `seconds` are over."""

    def expire(_number: int, _frame: FrameType | None) -> NoReturn:
        raise error

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
