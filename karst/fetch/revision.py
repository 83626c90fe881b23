"""What a slug comes to: a Revision (which files), then a Checkout (the files)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from karst.config.slug import Slug


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
    """

    slug: Slug
    path: str
    commit: str | None
    tree: str | None
    root_tree: str | None = None


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
