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
    # What is ignored, as under nohup, stays so.
    handlers = {int(stop): signal.getsignal(stop) for stop in _STOPS}
    before = {k: v for k, v in handlers.items() if v not in (signal.SIG_IGN, None)}
    is_up = True

    def heed(number: int) -> None:
        handler = before[number]
        if not callable(handler):
            raise KeyboardInterrupt
        handler(number, None)

    def note(number: int, _frame: FrameType | None) -> None:
        if is_up:
            caught.add(number)
        else:  # one that cut the taking down short has left this in place
            heed(number)

    try:
        for stop in before:
            signal.signal(stop, note)
        yield
    finally:
        is_up = False
        for stop, handler in before.items():
            signal.signal(stop, handler)
    for stop in caught:
        heed(stop)


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
