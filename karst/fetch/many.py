"""Many fetches at once: a bounded pool, one end in time, every failure told."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from karst.errors import FetchError, KarstError
from karst.fetch.deadline import Deadline

T = TypeVar("T")
State = Literal["started", "done", "failed"]

AT_ONCE = 8
_TICK_SECONDS = 0.2


def _say_nothing(_: str, __: State) -> None:
    pass


def fetch_all(
    jobs: Mapping[str, Callable[[], T]],
    deadline: Deadline,
    *,
    at_once: int = AT_ONCE,
    on_state: Callable[[str, State], None] = _say_nothing,
) -> dict[str, T]:
    """Run every job, up to `at_once` of them side by side; return results by name.

    A job that fails does not keep the others from running: whoever repairs repos.yaml
    wants all its faults at once. What was not done when the deadline passed counts as
    failed; a job that does not look at the deadline itself is left behind.

    Args:
        jobs: what to run, by the name that its progress is told under.
        on_state: called in the caller's thread.

    Raises:
        KarstError: the only failure, as it was; several as one FetchError with all
            their texts. Errors that are no KarstError are raised as they are.
    """
    waiting = queue.SimpleQueue[tuple[str, Callable[[], T]]]()
    for item in jobs.items():
        waiting.put(item)
    told = queue.SimpleQueue[tuple[str, State, T | BaseException | None]]()
    for _ in range(min(at_once, len(jobs))):
        # Daemons, so that a job that hangs can't keep the program from ending.
        threading.Thread(
            target=_work, args=(waiting, told, deadline), daemon=True
        ).start()
    results: dict[str, T] = {}
    failures: dict[str, KarstError] = {}
    try:
        while len(results) + len(failures) < len(jobs):
            try:
                name, state, value = told.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                if deadline.remaining():
                    continue
                late = [n for n in jobs if n not in results and n not in failures]
                failures |= {name: deadline.error(name) for name in late}
                break
            on_state(name, state)
            if state == "done":
                results[name] = value  # type: ignore[assignment]
            elif isinstance(value, KarstError):
                failures[name] = value
            elif isinstance(value, BaseException):
                raise value
    except BaseException:
        deadline.stop.set()
        raise
    if failures:
        raise _together(failures, len(jobs))
    return {name: results[name] for name in jobs}


def _work(
    waiting: queue.SimpleQueue[tuple[str, Callable[[], T]]],
    told: queue.SimpleQueue[tuple[str, State, T | BaseException | None]],
    deadline: Deadline,
) -> None:
    while True:
        try:
            name, job = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            deadline.check(name)
            told.put((name, "started", None))
            told.put((name, "done", job()))
        except BaseException as error:
            told.put((name, "failed", error))


def _together(failures: Mapping[str, KarstError], total: int) -> KarstError:
    if len(failures) == 1:
        return next(iter(failures.values()))
    texts = [str(error) for error in failures.values()]
    return FetchError(
        f"{len(failures)} of {total} services can't be fetched",
        remedy="each is told below",
        detail="\n".join(texts),
    )
