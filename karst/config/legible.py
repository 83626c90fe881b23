"""What somebody wrote, shown in a message: on one line and of bounded length."""

from __future__ import annotations

_LONGEST = 400


def legible(text: str) -> str:
    """Return `text` with unprintable characters escaped, cut at 400 characters."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
