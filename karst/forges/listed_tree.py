"""A tree's id from the listing of its root, for forges that do not tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from karst.fetch.tree import object_id

_MODES = {"100644", "100755", "120000", "160000", "040000"}
_DIGITS = 40


@dataclass(frozen=True)
class ListedEntry:
    """One entry of a folder: git's mode in six digits, the name, the object's id."""

    mode: str
    name: str
    id: str


def listed_tree_id(entries: Sequence[ListedEntry]) -> str | None:
    """Return the id of the tree with these entries; None where they do not tell it.

    A name that is no UTF-8 reaches us with replacement characters: its true bytes, and
    so the id, are unknown.
    """
    lines = []
    for entry in entries:
        whole = entry.mode in _MODES and len(entry.id) == _DIGITS
        if not whole or "\ufffd" in entry.name or not entry.name:
            return None
        name = entry.name.encode()
        folder = entry.mode == "040000"
        line = entry.mode.lstrip("0").encode() + b" " + name + b"\0"
        # Git sorts a folder as if its name ended with a slash.
        lines.append((name + b"/" * folder, line + bytes.fromhex(entry.id)))
    if not lines:
        return None
    return object_id(b"tree", b"".join(line for _, line in sorted(lines)))
