"""Interrupts that wait for a removal, and limits that end what takes too long."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest

from karst.effects.signals import limited, shielded


def get(*numbers: signal.Signals) -> list[str]:
    """Work that gets signals in its midst; what of it was done."""
    with shielded():
        done = []
        for number in numbers:
            os.kill(os.getpid(), number)
        done.append("all of it")
        WORK.append(done)
    return done


WORK: list[list[str]] = []


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT],
        [signal.SIGINT, signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGINT, signal.SIGTERM],
    ],
)
def test_an_interrupt_waits_for_the_end_of_the_block(
    numbers: list[signal.Signals],
) -> None:
    WORK.clear()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        get(*numbers)
    assert WORK == [["all of it"]]
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_an_interrupt_nothing_is_raised() -> None:
    with shielded():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def work_beyond_a_limit() -> None:
    with limited(600, ValueError("late")), shielded():
        # As the limit does: a short one might be over before the shield is up.
        os.kill(os.getpid(), signal.SIGALRM)
        WORK.append(["all of it"])


def test_a_limit_that_ends_within_waits_as_well() -> None:
    WORK.clear()
    with pytest.raises(ValueError, match="late"):
        work_beyond_a_limit()
    assert WORK == [["all of it"]]


def test_a_limit_ends_what_takes_too_long() -> None:
    with pytest.raises(ValueError, match="late"), limited(0.05, ValueError("late")):
        time.sleep(300)


def test_a_limit_ends_with_its_block() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with limited(600, ValueError("late")):
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 600
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) == before


def test_in_another_thread_nothing_is_shielded_and_nothing_breaks() -> None:
    done = []

    def work() -> None:
        with shielded():
            done.append("all of it")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["all of it"]


def test_one_that_comes_while_the_shield_is_taken_down_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = []
    put = signal.signal
    before = put(signal.SIGTERM, lambda *_: heard.append("term"))

    def put_and_interrupt(number: int, handler: Any) -> Any:
        was = put(number, handler)
        if handler is signal.default_int_handler:
            os.kill(os.getpid(), signal.SIGINT)
        return was

    monkeypatch.setattr(signal, "signal", put_and_interrupt)
    with pytest.raises(KeyboardInterrupt), shielded():
        pass
    monkeypatch.undo()
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == ["term"]
    put(signal.SIGTERM, before)
    put(signal.SIGALRM, signal.SIG_DFL)


def test_what_is_ignored_is_ignored_within_as_well() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with shielded():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN
