"""Which pinned slugs have moved on, and what of a lock could not be kept to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from karst.report.model import MovedSlug
from karst.report.table import render_table

_SHORT = 12


def render_moves(moved: Iterable[MovedSlug], notes: Iterable[str] = ()) -> str:
    """A line per moved slug, then the notes; "" where there is nothing to say."""
    moved = tuple(moved)
    rows = [_row(each) for each in moved]
    lines = [
        f"! security: {each.service} is pinned to {each.locked[:_SHORT]}, which is no part of {each.slug}"
        for each in moved
        if each.is_stray
    ]
    if rows:
        lines += [
            render_table(("MOVED ON", "SLUG", "LOCKED", "NOW", ""), rows),
            "The lock holds them where they are; `karst lock --upgrade` moves it on.",
        ]
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def _row(moved: MovedSlug) -> tuple[str, ...]:
    way = ""
    if moved.compare:
        count = moved.compare.ahead
        commits = f"{count} commit{'s' * (count != 1)}, " if count is not None else ""
        way = f"{commits}{moved.compare.url}"
    return (
        moved.service,
        moved.slug,
        moved.locked[:_SHORT],
        moved.newest[:_SHORT],
        way,
    )


def moves_document(moved: Iterable[MovedSlug]) -> list[dict[str, Any]]:
    """The same as JSON would hold it."""
    return [
        {
            "service": each.service,
            "slug": each.slug,
            "locked": each.locked,
            "newest": each.newest,
            "ahead": each.compare.ahead if each.compare else None,
            "stray": each.is_stray,
            "url": each.compare.url if each.compare else None,
        }
        for each in moved
    ]
