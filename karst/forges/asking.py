"""Asking a forge until it answers: limits obeyed, breakdowns outlasted, in bounded time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from karst.forges.http_options import HttpOptions
from karst.forges.limits import Wait, read_wait, told_moment
from karst.forges.refusals import Refusals

_T = TypeVar("_T")
# Breakdowns are outlasted this often; limits as long as there is time.
_BREAKDOWN_TRIES = 5
_backoff = wait_random_exponential(multiplier=0.5, max=20)
_QUESTIONS = ("GET", "HEAD")
# By a POST, too, GitHub is only asked: for an App's token, and whose a token is.
_ASKED_BY_POST = ("/access_tokens", "/graphql")


class NoAnswerError(Exception):
    """The line broke; the text says how, in words without an address.

    Attributes:
        final: whether another try would end the same way.
    """

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True)
class Heard:
    """What is looked at in an answer; `headers` finds names in any case."""

    status: int
    headers: Mapping[str, str]
    body: str = ""


class _AskAgainError(Exception):
    def __init__(
        self, wait: Wait, answer: object = None, broken: NoAnswerError | None = None
    ) -> None:
        super().__init__()
        self.wait = wait
        self.answer = answer
        self.broken = broken


@dataclass
class Asking:
    """One forge's patience, shared by all threads that ask it.

    Attributes:
        longest_limit: seconds; a rate limit that lasts longer is not waited for.
    """

    options: HttpOptions
    refusals: Refusals
    longest_limit: float = float("inf")
    _closed_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(
        self, method: str, url: str, send: Callable[[], _T], hear: Callable[[_T], Heard]
    ) -> _T:
        """Call `send` until its answer is one; returns that.

        `send` raises NoAnswerError where the line broke. What changes something is
        repeated only where the forge refused it for its limits. Raises LimitedError
        and UnreachableError.
        """
        begun = self.options.monotonic()
        parts = urlsplit(url)
        place = parts.hostname or ""
        asks = parts.path.endswith(_ASKED_BY_POST)
        repeatable = asks or method.upper() in _QUESTIONS
        breakdowns = 0

        def once() -> _T:
            if (rest := self._closed_until - self.options.monotonic()) > 0:
                raise _AskAgainError(Wait(rest, limited=True))
            try:
                answer = send()
            except NoAnswerError as error:
                broken = error
            else:
                return self._accept(answer, hear(answer), repeatable=repeatable)
            raise _AskAgainError(Wait(None, limited=False), broken=broken)

        def tell(state: RetryCallState) -> _T:
            failed = _failure(state)
            if failed.wait.limited:
                until = ""
                if failed.wait.seconds is not None:
                    until = told_moment(failed.wait.seconds, self.options.now())
                raise self.refusals.limited(place, until)
            if failed.answer is not None:
                return failed.answer  # type: ignore[return-value]
            raise self.refusals.unreachable(place, str(failed.broken))

        def is_over(state: RetryCallState) -> bool:
            nonlocal breakdowns
            failed = _failure(state)
            if failed.broken and failed.broken.final:
                return True
            breakdowns += not failed.wait.limited
            if not failed.wait.limited and (
                not repeatable or breakdowns >= _BREAKDOWN_TRIES
            ):
                return True
            if failed.wait.limited and state.upcoming_sleep > self.longest_limit:
                return True
            return state.upcoming_sleep >= self.options.seconds_left(begun)

        return Retrying(
            retry=retry_if_exception_type(_AskAgainError),
            wait=lambda state: _failure(state).wait.seconds or _backoff(state),
            stop=is_over,
            sleep=self.options.sleep,
            retry_error_callback=tell,
        )(once)

    def _accept(self, answer: _T, heard: Heard, *, repeatable: bool) -> _T:
        wait = read_wait(
            heard.status, heard.headers, heard.body, now=self.options.now()
        )
        if wait is None or not (wait.limited or repeatable):
            return answer
        if wait.limited and wait.seconds:
            # Everybody waits: asking on during a limit makes it longer.
            with self._lock:
                end = self.options.monotonic() + wait.seconds
                self._closed_until = max(self._closed_until, end)
        raise _AskAgainError(wait, answer)


def _failure(state: RetryCallState) -> _AskAgainError:
    assert state.outcome is not None  # noqa: S101 - tenacity asks only after a call
    error = state.outcome.exception()
    assert isinstance(error, _AskAgainError)  # noqa: S101
    return error
