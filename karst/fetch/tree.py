"""Git's tree id of a set of files, computed without git."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FileMode = Literal["100644", "100755", "120000", "160000"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class TreeEntry:
    """One file or link of a tree.

    Attributes:
        path: relative to the tree, slashes; bytes that are no UTF-8 as surrogates.
        mode: git's: a file, an executable file, a link, or a submodule.
        blob: git's id of the content (40 hex digits); a submodule's commit.
    """

    path: str
    mode: FileMode
    blob: str


def read_entry(root: Path, path: str) -> TreeEntry:
    """Hash the file or link `path` under `root`; OSErrors pass."""
    place = root / path
    status = place.lstat()
    if stat.S_ISLNK(status.st_mode):
        # As it stands: pathlib would make "x" of "./x", and git's id is another.
        target = os.fsencode(os.readlink(place))  # noqa: PTH115
        return TreeEntry(path, "120000", object_id(b"blob", target))
    # Git knows one permission only: whether the owner may execute the file.
    mode: FileMode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
    return TreeEntry(path, mode, _blob_id(place))


def tree_id(entries: Iterable[TreeEntry]) -> str:
    """Return the id that `git write-tree` gives for `entries` (paths are unique)."""
    return _tree_id([(os.fsencode(e.path).split(b"/"), e) for e in entries])


def blob_digest(size: int) -> hashlib._Hash:
    """Return the digest that gives a blob's id once its `size` bytes are put in."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def object_id(kind: bytes, body: bytes) -> str:
    """Return git's id of an object: kind is b"blob", b"tree" or b"commit"."""
    header = kind + b" %d\0" % len(body)
    return hashlib.sha1(header + body, usedforsecurity=False).hexdigest()


def _tree_id(entries: list[tuple[list[bytes], TreeEntry]]) -> str:
    files = [(parts[0], e) for parts, e in entries if len(parts) == 1]
    folders: dict[bytes, list[tuple[list[bytes], TreeEntry]]] = {}
    for parts, entry in entries:
        if len(parts) > 1:
            folders.setdefault(parts[0], []).append((parts[1:], entry))
    rows = [(name, name, e.mode.encode(), e.blob) for name, e in files]
    # Git sorts a folder as if its name ended in a slash.
    rows += [(n + b"/", n, b"40000", _tree_id(inner)) for n, inner in folders.items()]
    body = b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(identity)
        for _, name, mode, identity in sorted(rows)
    )
    return object_id(b"tree", body)


def _blob_id(place: Path) -> str:
    with place.open("rb") as file:
        digest = blob_digest(os.fstat(file.fileno()).st_size)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
