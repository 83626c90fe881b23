"""Writes that may be done again: each looks first at what is there."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from karst.forges.publishing import PublishFailure

_WRITES = 3


def repeated(sleep: Callable[[float], None]) -> Retrying:
    """Try a write again where the forge was unavailable; its last failure is raised."""
    return Retrying(
        retry=retry_if_exception(
            lambda e: isinstance(e, PublishFailure) and e.why == "unavailable"
        ),
        stop=stop_after_attempt(_WRITES),
        wait=wait_exponential(multiplier=0.5, max=5),
        sleep=sleep,
        reraise=True,
    )
