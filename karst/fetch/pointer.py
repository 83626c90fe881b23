"""Git LFS pointers: small text files that stand for content kept elsewhere."""

from __future__ import annotations

import hashlib
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# A pointer's form is fixed to the byte, so that equal content has one pointer.
_LONGEST = 1024
_CHUNK = 1 << 20
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


def copy_content(pointer: Pointer, source: BinaryIO, into: Path) -> bool:
    """Copy to the file `into` (replaced) what `pointer` stands for; OSErrors pass.

    Where `source` is something else, `into` stays as it is, and the answer is False.
    """
    draft = into.with_name(f".{into.name[:200]}.{secrets.token_hex(6)}.new")
    digest, size = hashlib.sha256(), 0
    try:
        with draft.open("xb") as file:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size > pointer.size:
                    return False
                file.write(chunk)
        if (digest.hexdigest(), size) != (pointer.oid, pointer.size):
            return False
        if into.exists():
            draft.chmod(stat.S_IMODE(into.stat().st_mode))
        draft.replace(into)
    finally:
        draft.unlink(missing_ok=True)
    return True
