"""Downloading an archive by `requests`, tried again where it breaks off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from karst.errors import FetchError
from karst.fetch.remote import ArchiveUnavailableError
from karst.forges.asking import Asking
from karst.forges.downloads import BrokenOffError, write_archive
from karst.forges.failures import say_failure
from karst.forges.http_options import HttpOptions
from karst.forges.refusals import Refusals

# As it is: a server may call the archive's own gzip an encoding, and it would be undone.
AS_IT_IS = {"Accept-Encoding": "identity"}
# A clone is at hand where the forge wants to be left alone for longer.
_LONGEST_LIMIT = 5.0
_TRIES = 3
_PIECE = 65536


def ask_hurriedly(options: HttpOptions, refusals: Refusals) -> Asking:
    """For archives: what is limited now is cloned, not waited for."""
    return Asking(options.for_archives, refusals, longest_limit=_LONGEST_LIMIT)


def download(
    open_answer: Callable[[], requests.Response],
    into: Path,
    *,
    limit: int,
    options: HttpOptions,
    refusals: Refusals,
    where: str,
) -> None:
    """Write the body of `open_answer()` to `into`; raises ArchiveUnavailableError."""
    options = options.for_archives
    begun = options.monotonic()

    def once() -> None:
        answer: requests.Response | None = None
        try:
            answer = open_answer()
            if answer.status_code != 200:
                raise refusals.by_status(answer.status_code, where)
            length = answer.headers.get("Content-Length", "")
            write_archive(
                answer.raw.stream(_PIECE, decode_content=False),
                into,
                length=int(length) if length.isdigit() else None,
                limit=limit,
                options=options,
                begun=begun,
                where=where,
            )
            return
        except (urllib3.exceptions.HTTPError, requests.RequestException) as error:
            why = say_failure(error)
        finally:
            if answer is not None:
                answer.close()
        raise BrokenOffError(why)

    get_whole(once, options, begun, where)


def get_whole(
    once: Callable[[], None], options: HttpOptions, begun: float, where: str
) -> None:
    """Call `once`, and again where it raises BrokenOffError, a few times and in time.

    Raises ArchiveUnavailableError, also for any other FetchError.
    """

    def give_up(state: RetryCallState) -> None:
        why = state.outcome.exception() if state.outcome else ""
        raise ArchiveUnavailableError(f"the archive can't be had: {why}", where=where)

    again = Retrying(
        retry=retry_if_exception_type(BrokenOffError),
        stop=lambda s: s.attempt_number >= _TRIES or options.seconds_left(begun) <= 0,
        sleep=options.sleep,
        retry_error_callback=give_up,
    )
    try:
        again(once)
        return
    except ArchiveUnavailableError:
        raise
    except FetchError as error:
        told = error
    raise ArchiveUnavailableError(
        told.what, where=where, remedy=told.remedy, detail=told.detail
    )
