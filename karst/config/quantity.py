"""Durations ("30s", "1m30s", "500ms") and sizes ("256MiB") as text and as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
DURATION_PATTERN = (
    rf"^(?={_NUMBER})({_NUMBER}h)?({_NUMBER}m)?({_NUMBER}s)?({_NUMBER}ms)?$"
)
SIZE_PATTERN = rf"^({_NUMBER})(B|KiB|MiB|GiB|TiB)$"
_SECONDS = {
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(SIZE_PATTERN)
_LONGEST_TEXT = 40


def parse_duration(value: str | float) -> float:
    """Return seconds; a bare number is seconds already. Raises ValueError."""
    if not isinstance(value, str):
        return float(value)
    match = _DURATION.fullmatch(value) if len(value) <= _LONGEST_TEXT else None
    if not match:
        raise ValueError(f"'{value}' is no duration")
    parts = [part for part in match.groups() if part]
    total = Decimal(0)
    for part in parts:
        number = part.rstrip("hms")
        total += Decimal(number) * _SECONDS[part[len(number) :]]
    return float(total)


def render_duration(seconds: float) -> str:
    """Return the shortest text in one unit that parses back to `seconds`."""
    exact = Decimal(repr(float(seconds)))
    for unit in ("h", "m", "s"):
        if exact >= _SECONDS[unit] and exact % _SECONDS[unit] == 0:
            return f"{int(exact / _SECONDS[unit])}{unit}"
    if exact and exact < 1 and (exact * 1000) % 1 == 0:
        return f"{int(exact * 1000)}ms"
    return f"{exact:f}s"


def parse_size(value: str | int) -> int:
    """Return bytes; a bare number is bytes already. Raises ValueError."""
    if not isinstance(value, str):
        return int(value)
    match = _SIZE.fullmatch(value) if len(value) <= _LONGEST_TEXT else None
    size = Decimal(match[1]) * _BYTES[match[2]] if match else Decimal("0.5")
    if size % 1:
        raise ValueError(f"'{value}' is no size in whole bytes")
    return int(size)


def render_size(size: int) -> str:
    """Return `size` bytes in the largest unit that divides it."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"
