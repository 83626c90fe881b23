"""Two questions asked at once, where the second rarely matters but always takes time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")
_GRACE = 1.0
# What a thread is called that may outlive the question it was asked beside.
BESIDE = "asked-beside"


def ask_together(
    first: Callable[[], _A], second: Callable[[], _B]
) -> tuple[_A, Callable[[], _B]]:
    """Return the first's answer, and a call that waits for the second's.

    Whatever the second raises, its call raises; nobody who does not call hears of it.
    """
    answers: list[_B] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(second())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name=BESIDE, daemon=True)
    thread.start()

    def wait() -> _B:
        thread.join()
        if failures:
            raise failures[0]
        return answers[0]

    try:
        return first(), wait
    except BaseException:
        # It mostly fails of the same, a moment later: not in the middle of what follows.
        thread.join(_GRACE)
        raise
