"""How much of a repository karst is willing to take, and the errors for archives."""

from __future__ import annotations

from dataclasses import dataclass

from karst.config.legible import legible
from karst.errors import FetchError
from karst.fetch.remote import ArchiveUnavailableError

MEBIBYTE = 1 << 20


class DamagedArchiveError(ArchiveUnavailableError):
    """An archive that is cut off or broken, as by a bad transfer; a clone may do."""


@dataclass(frozen=True)
class Limits:
    """What one commit may come to; each is far above what a service's source needs.

    Attributes:
        archive: bytes of an archive, or of what a clone transfers.
        size: bytes of all files together.
        files: how many files, links and folders.
        ratio: unpacked bytes per packed byte, once `ratio_from` bytes are unpacked.
        depth: folders above a file.
        path: bytes of a file's path.
        submodules: how many, and how deep they may be nested.
    """

    archive: int = 512 * MEBIBYTE
    size: int = 2048 * MEBIBYTE
    files: int = 200_000
    ratio: int = 200
    ratio_from: int = 32 * MEBIBYTE
    depth: int = 64
    path: int = 1024
    submodules: int = 100
    submodule_depth: int = 8


def refusal(what: str, *, where: str, remedy: str = "") -> FetchError:
    """Return the error for content that no honest repository has, or too much of it."""
    return FetchError(
        what,
        where=where,
        remedy=remedy or "karst does not take such a repository; ask whoever owns it",
    )


def shown(name: str | bytes) -> str:
    """Return a hostile name as printable text of bounded length."""
    text = name if isinstance(name, str) else name.decode("utf-8", "replace")
    return legible(text.encode("utf-8", "replace").decode())
