"""Git LFS pointers: small text files that stand for content kept elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A pointer's form is fixed to the byte, so that equal content has one pointer.
_LONGEST = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-[^\n]*\n)*"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>[0-9]{1,15})\n"
)


@dataclass(frozen=True)
class Pointer:
    """Content that a file stands for: its SHA-256 (hex) and its bytes."""

    oid: str
    size: int


def parse_pointer(content: bytes) -> Pointer | None:
    """Return the pointer that `content` is, or None."""
    if len(content) > _LONGEST or not content.startswith(b"version "):
        return None
    found = _POINTER.fullmatch(content)
    return Pointer(found["oid"].decode(), int(found["size"])) if found else None
