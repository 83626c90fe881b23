"""A gzip stream read strictly: bounded, complete, and with nothing behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from karst.fetch.unpack_limits import DamagedArchiveError, Limits, refusal

_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 16
_MOST = 1 << 20
# What tar adds to a file: its header, a header for a long name, and padding.
_TAR_OVERHEAD = 4096


@dataclass(frozen=True)
class Fault:
    """Makes the errors of one archive."""

    where: str

    def damaged(self, what: str) -> DamagedArchiveError:
        return DamagedArchiveError(
            f"the archive is damaged: {what}",
            where=self.where,
            remedy="run the same command again",
        )


class Gunzip:
    """Reads what is in the gzip file `file`, never more than about 1 MiB at once."""

    def __init__(self, file: BinaryIO, limits: Limits, where: str) -> None:
        self._file = file
        self._limits = limits
        self._where = where
        self._fault = Fault(where)
        self._inflate = zlib.decompressobj(_GZIP)
        self._buffer = b""
        self._at = 0
        self._packed = 0
        self._unpacked = 0
        self._most = limits.size + limits.files * _TAR_OVERHEAD

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; raises DamagedArchiveError where they lack."""
        end = self._at + size
        if end <= len(self._buffer):
            piece = self._buffer[self._at : end]
            self._at = end
            return piece
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield `size` bytes piece by piece."""
        while size:
            if self._at == len(self._buffer) and not self._fill():
                raise self._fault.damaged("it is cut off")
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def finish(self) -> None:
        """Read to the end; raises where anything but padding is there, or behind it."""
        while True:
            if self._buffer.count(0, self._at) != len(self._buffer) - self._at:
                raise self._fault.damaged("there is more behind its end")
            self._at = len(self._buffer)
            if not self._fill():
                break
        if self._inflate.unused_data or self._file.read(1):
            raise self._fault.damaged("there is more behind its end")

    def _fill(self) -> bool:
        """Get the next bytes; says whether there are any."""
        self._buffer, self._at = b"", 0
        while not self._buffer and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(_PIECE)
                self._packed += len(packed)
            try:
                self._buffer = self._inflate.decompress(packed, _MOST)
            except zlib.error as error:
                raise self._fault.damaged("it is no whole gzip file") from error
            if not packed and not self._buffer:
                raise self._fault.damaged("it is cut off")
        self._unpacked += len(self._buffer)
        self._weigh()
        return bool(self._buffer)

    def _weigh(self) -> None:
        limits = self._limits
        if self._unpacked > self._most:
            raise refusal("the archive unpacks to too much", where=self._where)
        if (
            self._unpacked > limits.ratio_from
            and self._unpacked > limits.ratio * self._packed
        ):
            raise refusal(
                f"the archive unpacks to more than {limits.ratio} times its size",
                where=self._where,
            )
