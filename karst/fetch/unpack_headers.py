"""The headers of a tar file as `git archive` writes them, and no others.

Python's tarfile takes many more dialects, holds a header of any length in memory, and
follows sizes that are negative; what a forge sends needs none of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from karst.fetch.unpack_limits import refusal, shown
from karst.fetch.unpack_stream import Fault, Gunzip

Kind = Literal["file", "folder", "link"]

_BLOCK = 512
_LONGEST_HEADER = 1 << 16
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"5": "folder",
    b"2": "link",
}
_REFUSED = {
    b"1": "a hard link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"7": "a contiguous file",
    b"S": "a sparse file",
}


@dataclass(frozen=True)
class Member:
    """One file, folder or link of an archive; names are as they stand there.

    Attributes:
        name: the path, with the top folder; UTF-8, else undecodable bytes.
        size: bytes that follow; 0 for folders and links.
        target: what a link points to.
    """

    kind: Kind
    name: bytes
    size: int
    executable: bool
    target: bytes


@dataclass
class _Longer:
    """What extended headers say of the member that comes next."""

    name: bytes | None = None
    target: bytes | None = None
    size: bytes | None = None

    def __bool__(self) -> bool:
        return (self.name, self.target, self.size) != (None, None, None)


def read_members(stream: Gunzip, where: str) -> Iterator[Member]:
    """Yield the members; the caller reads each one's bytes (padded) before the next.

    Raises DamagedArchiveError, and FetchError for what no forge sends.
    """
    fault = Fault(where)
    longer, extended = _Longer(), False
    while True:
        block = stream.read(_BLOCK)
        if not block.strip(b"\0"):
            break
        kind = block[156:157]
        name = _check(block, fault)
        size = _number(block[124:136], fault)
        if kind in (b"x", b"g", b"L", b"K"):
            if size > _LONGEST_HEADER:
                raise refusal("the archive has a header without bound", where=where)
            body = stream.read(size)
            stream.read(padding(size))
            _extend(longer, kind, body, where)
            extended = extended or kind != b"g"
            continue
        yield _member(block, name, size, longer, where)
        longer, extended = _Longer(), False
    if extended:
        raise fault.damaged("a header belongs to nothing")
    if stream.read(_BLOCK).strip(b"\0"):
        raise fault.damaged("there is more behind its end")
    stream.finish()


def padding(size: int) -> int:
    """Bytes that fill `size` up to whole blocks."""
    return -size % _BLOCK


def _check(block: bytes, fault: Fault) -> bytes:
    """Check form and checksum of a header; return the name it gives."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if _number(block[148:156], fault) != total:
        raise fault.damaged("a header's checksum is wrong")
    name = _text(block[0:100])
    magic = block[257:265]
    if magic == b"ustar\x0000":
        prefix = _text(block[345:500])
        return prefix + b"/" + name if prefix else name
    if magic == b"ustar  \0":
        return name
    raise fault.damaged("a header has no known form")


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes, fault: Fault) -> int:
    found = _OCTAL.fullmatch(field)
    if not found:
        # Other notations are for negative numbers, and for 8 GiB and more.
        raise fault.damaged("a header holds a number that is none")
    return int(found[1] or b"0", 8)


def _member(
    block: bytes, name: bytes, size: int, longer: _Longer, where: str
) -> Member:
    name = name if longer.name is None else longer.name
    target = _text(block[157:257]) if longer.target is None else longer.target
    kind = _KINDS.get(block[156:157])
    if kind is None:
        what = _REFUSED.get(block[156:157], "something else than a file")
        raise refusal(f"'{shown(name)}' in the archive is {what}", where=where)
    if longer.size is not None and longer.size != b"%d" % size:
        raise refusal(
            f"two headers tell two sizes of '{shown(name)}' in the archive", where=where
        )
    if kind != "file" and size:
        raise refusal(f"the {kind} '{shown(name)}' has content", where=where)
    executable = bool(_number(block[100:108], Fault(where)) & 0o100)
    return Member(kind, name, size, executable, target)


def _extend(longer: _Longer, kind: bytes, body: bytes, where: str) -> None:
    if kind == b"L":
        _set(longer, "name", _text(body), where)
        return
    if kind == b"K":
        _set(longer, "target", _text(body), where)
        return
    for key, value in _records(body, where):
        if key.startswith(b"GNU.sparse"):
            raise refusal("the archive holds a sparse file", where=where)
        field = {b"path": "name", b"linkpath": "target", b"size": "size"}.get(key)
        if key == b"hdrcharset" or (field and kind == b"g"):
            raise refusal(
                f"a header of the archive sets '{shown(key)}' where it must not",
                where=where,
            )
        if field:
            _set(longer, field, value, where)


def _set(longer: _Longer, field: str, value: bytes, where: str) -> None:
    if getattr(longer, field) is not None:
        raise refusal("two headers of the archive name one file", where=where)
    setattr(longer, field, value)


def _records(body: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each `LENGTH KEY=VALUE` line."""
    fault = Fault(where)
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 8)
        digits = body[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, _, value = body[space + 1 : end].partition(b"=")
        if end <= space or end > len(body) or value[-1:] != b"\n":
            raise fault.damaged("an extended header can't be read")
        yield key, value[:-1]
        at = end
