"""What git knows of a commit that its archive does not say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from karst.fetch.tree import object_id

_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Notes:
    """Kept beside an archive; worth nothing until it is checked against an id.

    Attributes:
        commit_object: the text whose hash is the commit id, and which names the
            tree. Of a commit in another encoding than UTF-8 it is not that text, and
            proves nothing.
        submodules: commit by path. They are part of the tree id, and so proved by it.
    """

    commit_object: str = ""
    submodules: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.commit_object or self.submodules)

    def tree_of(self, commit: str) -> str | None:
        """Return the tree of `commit`, where the commit object proves it."""
        body = self.commit_object.encode("utf-8", "replace")
        if object_id(b"commit", body) != commit:
            return None
        found = re.match(r"tree ([0-9a-f]{40})\n", self.commit_object)
        return found[1] if found else None

    def render(self) -> str:
        """Return the text that `parse_notes` reads."""
        return json.dumps(
            {"commit": self.commit_object, "submodules": dict(self.submodules)}
        )


def parse_notes(raw: bytes) -> Notes:
    """Read notes; anything odd gives empty ones."""
    try:
        data = json.loads(raw)
        commit, submodules = data["commit"], data["submodules"]
        well = isinstance(commit, str) and all(
            isinstance(path, str) and _ID.fullmatch(identity)
            for path, identity in submodules.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Notes()
    return Notes(commit, submodules) if well else Notes()
