"""The pool: bounded, in order, and no reason for a program to stay."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from karst.pipeline.pool import DaemonPool


def test_as_many_at_once_as_it_may_and_no_more() -> None:
    pool = DaemonPool(at_once=3)
    meeting = threading.Barrier(3)
    running: list[int] = []
    most: list[int] = []
    guard = threading.Lock()

    def work(number: int) -> int:
        with guard:
            running.append(number)
            most.append(len(running))
        meeting.wait(300)
        with guard:
            running.remove(number)
        return number * 2

    futures = [pool.submit(work, n) for n in range(9)]
    assert [f.result(300) for f in futures] == [n * 2 for n in range(9)]
    assert max(most) <= 3
    pool.close()


def test_a_failure_stays_with_its_call() -> None:
    pool = DaemonPool(at_once=1)
    bad, good = pool.submit(int, "x"), pool.submit(int, "7")
    assert good.result(300) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        bad.result(300)
    pool.close()


def test_what_has_not_begun_never_does() -> None:
    pool = DaemonPool(at_once=1)
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(300)

    running, waiting = pool.submit(work), pool.submit(pytest.fail, "it began")
    assert begun.wait(300)
    pool.close(0)
    assert waiting.cancelled()
    go.set()
    wait([running], timeout=300)
    assert running.result(0) is None


@pytest.mark.processes
def test_a_call_that_hangs_keeps_no_program() -> None:
    program = (
        "import threading\n"
        "from karst.pipeline.pool import DaemonPool\n"
        "pool = DaemonPool()\n"
        "pool.submit(threading.Event().wait)\n"
        "pool.close(0)\n"
        "print('ended')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "ended\n"
