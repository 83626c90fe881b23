"""A pool of threads that keeps no program from ending."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

AT_ONCE = 8
P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class DaemonPool:
    """Runs calls in up to `at_once` threads, first come, first served.

    The standard library's executor waits for its threads when the program ends, so a
    forge that never answers would hold an interrupted karst for as long.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting = queue.SimpleQueue[_Job | None]()
        self._futures: list[Future[Any]] = []
        self._threads: list[threading.Thread] = []

    def submit(
        self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run `call` as soon as there is a thread for it."""
        future: Future[T] = Future()
        self._futures.append(future)
        self._waiting.put((future, lambda: call(*args, **kwargs)))
        if len(self._threads) < self._at_once:
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self, grace: float = 2.0) -> None:
        """Begin nothing more; what runs has up to `grace` seconds to end by itself."""
        for future in self._futures:
            future.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        end = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while job := self._waiting.get():
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
