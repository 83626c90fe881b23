"""What a slug comes to: a Revision (which files), then a Checkout (the files)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from karst.config.slug import Slug
from karst.errors import FetchError


class RevisionGoneError(FetchError):
    """There is no such commit (any more), or it holds another tree than was said."""


@dataclass(frozen=True)
class Revision:
    """One state of one folder of a repository.

    Attributes:
        slug: where it comes from.
        path: the folder inside of the repository, "" for its root; slashes, no ends.
        commit: the full commit id, None for a local folder as it is.
        tree: the git tree id of the folder (40 hex digits); None where it shows only
            in the files.
        root_tree: the commit's own tree id, None where there is no commit, or where
            its forge tells none.
        repository: its path as the forge spells it, another one than the slug's after
            a rename; "" for the slug's own.
    """

    slug: Slug
    path: str
    commit: str | None
    tree: str | None
    root_tree: str | None = None
    repository: str = ""


@dataclass(frozen=True)
class Checkout:
    """The files of a Revision on disk, private files left out.

    Attributes:
        root: the folder; it holds nothing of git's and no link that leaves it.
        tree: the git tree id. Of a commit, the commit's own; of a local folder,
            that of the files in `root`.
        commit: the full commit id, or None.
        root_tree: the commit's own tree id, or None where there is no commit.
    """

    root: Path
    tree: str
    commit: str | None
    root_tree: str | None = None


class Source(Protocol):
    """A place that has repositories; each forge is one."""

    def resolve(self, slug: Slug, path: str) -> Revision:
        """Find what `slug` and the folder `path` mean now; raises FetchError."""
        ...

    def fetch(self, revision: Revision, into: Path) -> Checkout:
        """Put the files of `revision` into the new folder `into`; raises FetchError."""
        ...


def inner_path(path: str, *, where: str) -> str:
    """Return the folder `path` of a repository without dots; "" is the root.

    Raises FetchError where it leads out of the repository.
    """
    inner = os.path.normpath(path) if path else ""
    if inner == ".." or inner.startswith(("../", "/")) or "\0" in inner:
        raise FetchError(
            f"the path '{path}' leads out of the repository",
            where=where,
            remedy="give 'path:' relative to the repository's root, without '..'",
        )
    return "" if inner == "." else inner
