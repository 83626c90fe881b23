"""What of a folder never goes into a checkout, and so never into a build."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

# Private, or karst's and git's own: kept out of every checkout, committed or not.
_OWN_NAMES = frozenset({".git", ".karst"})
_PRIVATE_PATTERN = ".env*"
# Litter that tools leave: kept out where no git says what belongs to the folder.
_LITTER = frozenset(
    {"__pycache__", "venv", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


def is_private(root: Path, path: str) -> bool:
    """Say whether `path` (relative to `root`, slashes) or a folder of it is private.

    `secrets` as a Python package below the root is code, not a folder of secrets.
    """
    parts = path.split("/")
    for index, name in enumerate(parts):
        # Where case does not count, `.ENV` is what a program reads as `.env`.
        folded = name.casefold()
        if folded in _OWN_NAMES or fnmatch.fnmatchcase(folded, _PRIVATE_PATTERN):
            return True
        if name == "secrets":
            package = root.joinpath(*parts[: index + 1], "__init__.py")
            if index == 0 or not package.is_file():
                return True
    return False


def is_litter(path: str) -> bool:
    """Say whether `path` is what a tool left behind and can make again."""
    return path.endswith(".pyc") or not _LITTER.isdisjoint(path.split("/"))


def walk(root: Path) -> Iterator[str]:
    """Yield files and links under `root` that are neither private nor litter.

    Paths are relative, with slashes. Folders that are links count as links;
    sockets, pipes and devices are passed over, as git does. OSErrors pass.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as found:
            for entry in found:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if is_litter(path) or is_private(root, path):
                    continue
                if entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    yield path
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(path)
