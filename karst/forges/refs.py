"""What a ref says by its form alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{4,39}")


@dataclass(frozen=True)
class WrittenRef:
    """A ref: its kind where it says so (`refs/heads/x`), and the name."""

    kind: str
    name: str


def split_ref(ref: str) -> WrittenRef:
    """Split `refs/heads/x` and `refs/tags/x`; anything else may be of any kind."""
    for kind in ("heads", "tags"):
        if ref.startswith(f"refs/{kind}/"):
            return WrittenRef(kind, ref.removeprefix(f"refs/{kind}/"))
    return WrittenRef("", ref)


def is_commit_id(text: str) -> bool:
    """Whether it is a whole commit id (SHA-1 or SHA-256)."""
    return bool(_COMMIT.fullmatch(text))


def is_short_id(text: str) -> bool:
    """Whether it may be the beginning of a commit id."""
    return bool(_SHORT.fullmatch(text))
