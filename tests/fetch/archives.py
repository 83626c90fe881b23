"""Tar files made block by block, so that they can lie in every way."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence

BLOCK = 512
END = bytes(2 * BLOCK)
CHECKSUM = slice(148, 156)


def header(
    name: bytes,
    *,
    kind: bytes = b"0",
    size: int = 0,
    mode: int = 0o664,
    target: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    size_field: bytes | None = None,
) -> bytes:
    """One header block; names that are too long for their field are cut."""
    block = bytearray(BLOCK)
    block[0:100] = name[:100].ljust(100, b"\0")
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size if size_field is None else size_field
    block[136:148] = b"%011o\0" % 1_700_000_000
    block[156:157] = kind
    block[157:257] = target[:100].ljust(100, b"\0")
    block[257:265] = magic
    block[345:500] = prefix[:155].ljust(155, b"\0")
    return signed(block)


def signed(block: bytes | bytearray) -> bytes:
    """The block with the checksum that it ought to have."""
    fresh = bytearray(block)
    fresh[CHECKSUM] = b" " * 8
    fresh[CHECKSUM] = b"%06o\0 " % sum(fresh)
    return bytes(fresh)


def padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK)


def file(
    name: bytes, body: bytes = b"", mode: int = 0o664, kind: bytes = b"0"
) -> bytes:
    return header(name, size=len(body), mode=mode, kind=kind) + padded(body)


def folder(name: bytes) -> bytes:
    return header(name, kind=b"5", mode=0o775)


def link(name: bytes, target: bytes, kind: bytes = b"2") -> bytes:
    return header(name, kind=kind, target=target, mode=0o777)


def record(key: bytes, value: bytes) -> bytes:
    """One line of a pax header, which counts its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


def pax(records: Iterable[tuple[bytes, bytes]], kind: bytes = b"x") -> bytes:
    body = b"".join(record(key, value) for key, value in records)
    return file(b"pax_header", body, kind=kind)


def gnu_long(name: bytes, kind: bytes = b"L") -> bytes:
    return file(b"././@LongLink", name + b"\0", kind=kind)


def packed(parts: Sequence[bytes], *, end: bytes = END) -> io.BytesIO:
    """A `.tar.gz` of the parts; `top/` is not put before their names."""
    return io.BytesIO(gzip.compress(b"".join(parts) + end, 1, mtime=0))
