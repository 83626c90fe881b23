"""Many fetches at once: bounded, in time, and with every fault told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from karst.errors import FetchError, SlugError
from karst.fetch.deadline import Deadline
from karst.fetch.many import fetch_all


def fail(error: BaseException) -> Callable[[], int]:
    def job() -> int:
        raise error

    return job


def test_results_come_by_name_in_the_order_of_the_jobs() -> None:
    jobs = {f"job{n}": (lambda n=n: n * n) for n in range(40)}
    found = fetch_all(jobs, Deadline(60))
    assert list(found.items()) == [(f"job{n}", n * n) for n in range(40)]
    assert fetch_all({}, Deadline(60)) == {}


def test_no_more_than_so_many_run_side_by_side() -> None:
    running, most, guard = 0, 0, threading.Lock()
    three = threading.Barrier(3)

    def job() -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        three.wait(10)
        with guard:
            running -= 1

    fetch_all({str(n): job for n in range(9)}, Deadline(60), at_once=3)
    assert most == 3


def test_every_job_is_told_of() -> None:
    told: list[tuple[str, str]] = []
    jobs = {"a": lambda: 1, "b": fail(FetchError("no")), "c": lambda: 3}
    with pytest.raises(FetchError):
        fetch_all(
            jobs,
            Deadline(60),
            at_once=1,
            on_state=lambda name, state: told.append((name, state)),
        )
    assert told == [
        ("a", "started"),
        ("a", "done"),
        ("b", "started"),
        ("b", "failed"),
        ("c", "started"),
        ("c", "done"),
    ]


def test_one_failure_is_raised_as_it_is() -> None:
    error = SlugError("bad", where="x")
    with pytest.raises(SlugError) as caught:
        fetch_all({"a": fail(error), "b": lambda: 1}, Deadline(60))
    assert caught.value is error


def test_several_failures_are_told_together() -> None:
    jobs = {
        "a": fail(FetchError("gone", where="gh:o/a", remedy="name another")),
        "b": lambda: 1,
        "c": fail(SlugError("bad", where="gh:o/c")),
    }
    with pytest.raises(FetchError) as caught:
        fetch_all(jobs, Deadline(60))
    assert str(caught.value).splitlines() == [
        "2 of 3 services can't be fetched",
        "  -> each is told below",
        "  | gh:o/a: gone",
        "  |   -> name another",
        "  | gh:o/c: bad",
    ]


def test_an_error_of_ours_is_not_hidden() -> None:
    deadline = Deadline(60)
    with pytest.raises(ZeroDivisionError):
        fetch_all({"a": lambda: 1 // 0, "b": lambda: 1}, deadline)
    assert deadline.stop.is_set()


def test_what_hangs_is_left_behind_and_named() -> None:
    hang = threading.Event()
    jobs = {"quick": lambda: True, "slow": hang.wait, "late": lambda: True}
    try:
        with pytest.raises(FetchError) as caught:
            fetch_all(jobs, Deadline(0.3), at_once=1)
    finally:
        hang.set()
    assert "2 of 3 services can't be fetched" in str(caught.value)
    assert "slow: fetching took longer than 0.3 s" in str(caught.value)
    assert "late: fetching took longer than 0.3 s" in str(caught.value)


def test_an_interrupt_ends_what_runs() -> None:
    deadline = Deadline(60)

    def interrupt(_: str, __: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_all({"a": lambda: deadline.stop.wait(30)}, deadline, on_state=interrupt)
    assert deadline.stop.is_set()


def test_a_deadline_counts_down_and_can_be_cut_short() -> None:
    deadline = Deadline(60)
    assert 0 < deadline.check("x") <= 60
    deadline.stop.set()
    assert deadline.remaining() == 0
    with pytest.raises(FetchError, match="x: fetching was ended before its end"):
        deadline.check("x")
    with pytest.raises(FetchError, match="took longer than 0 s"):
        Deadline(0).check("x")
