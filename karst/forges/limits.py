"""What an answer says about asking again: at once, later, or not today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# GitHub wants at least a minute after a secondary limit that names no time.
SECONDARY_SECONDS = 60.0
_BREAKDOWNS = {500, 502, 503, 504, 520, 521, 522, 523, 524}
_SECONDARY_WORDS = ("secondary rate limit", "abuse detection")


@dataclass(frozen=True)
class Wait:
    """The forge did not answer the question.

    Attributes:
        seconds: how long it wants to be left alone; None where it does not say.
        limited: whether it is a rate limit, not a breakdown.
    """

    seconds: float | None
    limited: bool


def read_wait(
    status: int, headers: Mapping[str, str], body: str, now: float
) -> Wait | None:
    """Return the wait that an answer demands; None where it is an answer.

    `headers` finds names in any case; `now` is in seconds since the epoch.
    """
    told = _told_seconds(headers, now)
    if status == 429:
        return Wait(told, limited=True)
    if status == 403:
        # GitHub says 403 for its limits, as for everything that is forbidden.
        if told is not None:
            return Wait(told, limited=True)
        if any(word in body.lower() for word in _SECONDARY_WORDS):
            return Wait(SECONDARY_SECONDS, limited=True)
    if status in _BREAKDOWNS:
        return Wait(told if status == 503 else None, limited=False)
    return None


def _told_seconds(headers: Mapping[str, str], now: float) -> float | None:
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except (ValueError, OverflowError):
            pass
    for prefix in ("x-ratelimit", "ratelimit"):
        reset = headers.get(f"{prefix}-reset", "")
        if headers.get(f"{prefix}-remaining") == "0" and reset.isdigit():
            return max(0.0, float(reset) - now)
    return None


def told_moment(seconds: float, now: float) -> str:
    """Say when a limit ends: `14:05 UTC`, with the date where it is another day."""
    moment = datetime.fromtimestamp(now + seconds, UTC)
    today = datetime.fromtimestamp(now, UTC).date()
    form = "%H:%M UTC" if moment.date() == today else "%Y-%m-%d %H:%M UTC"
    return moment.strftime(form)
