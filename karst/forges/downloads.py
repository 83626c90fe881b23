"""An archive on its way to a file: bounded in size and time, whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from karst.effects.workspace import telling_full_disk
from karst.fetch.remote import ArchiveUnavailableError
from karst.forges.http_options import HttpOptions

_MIB = 1024 * 1024
_GZIP = b"\x1f\x8b"


class BrokenOffError(Exception):
    """The body ended early, or came too slowly; another try may do better."""


def write_archive(
    pieces: Iterator[bytes],
    into: Path,
    *,
    length: int | None,
    limit: int,
    options: HttpOptions,
    begun: float,
    where: str,
) -> None:
    """Write `pieces` to the new file `into`; it is removed where that fails.

    `length` is what the server announced, None where it did not; that no less comes is
    seen to by the library that gives `pieces`. Raises ArchiveUnavailableError where the
    archive is longer than `limit` bytes, or is none.
    """
    if length is not None and length > limit:
        raise _too_long(limit, where)
    with telling_full_disk(into), into.open("xb") as file:
        try:
            begin = b""
            for piece in pieces:
                begin = (begin + piece[: len(_GZIP)])[: len(_GZIP)]
                file.write(piece)
                if file.tell() > limit:
                    raise _too_long(limit, where)
                if options.seconds_left(begun) < 0:
                    raise BrokenOffError("it comes too slowly")
            if not begin.startswith(_GZIP):
                raise ArchiveUnavailableError(
                    "what the forge sent is no archive",
                    where=where,
                    remedy="see whether a proxy or a sign-in page stands before the forge",
                )
        except BaseException:
            with suppress(OSError):
                into.unlink()
            raise


def _too_long(limit: int, where: str) -> ArchiveUnavailableError:
    return ArchiveUnavailableError(
        f"the archive is longer than {limit / _MIB:g} MiB", where=where
    )
