"""Reads a fetched tree as text; never imports or runs it."""

from __future__ import annotations

import ast
import os
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karst.errors import EntrypointError
from karst.inspection.entrypoint import Evidence

# Fetched content is hostile: nothing is read without a bound.
MAX_FILE_BYTES = 1 << 20
MAX_LISTED = 20_000


@dataclass(frozen=True)
class SourceTree:
    """A folder of files that somebody else wrote."""

    root: Path

    def is_file(self, path: str) -> bool:
        """Say whether `path` is a file that does not lie outside of the tree."""
        place = self.root / path
        try:
            inside = place.resolve().is_relative_to(self.root.resolve())
            return inside and place.is_file()
        except (OSError, RuntimeError):  # a loop of links
            return False

    def read(self, path: str) -> str | None:
        """Return the text of `path`; None where it is missing, huge or no UTF-8."""
        if not self.is_file(path):
            return None
        try:
            with (self.root / path).open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
            return None if len(raw) > MAX_FILE_BYTES else raw.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    def folders(self, path: str = "") -> tuple[str, ...]:
        """Names of the folders in folder `path`, sorted; links left out."""
        place = self.root / path
        if not place.is_dir() or place.is_symlink():
            return ()
        with os.scandir(place) as found:
            names = [e.name for e in found if e.is_dir(follow_symlinks=False)]
        return tuple(sorted(names))

    def python_files(self, skip: frozenset[str]) -> tuple[str, ...]:
        """Paths of all .py files, sorted; folders in `skip` or hidden left out."""
        found: list[str] = []
        pending = [""]
        while pending and len(found) < MAX_LISTED:
            folder = pending.pop()
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in skip and not entry.name.startswith("."):
                            pending.append(path)
                    elif entry.name.endswith(".py"):
                        found.append(path)
        return tuple(sorted(found))

    def parse(self, path: str) -> ast.Module | None:
        """Parse a Python file; None where that can't be done."""
        text = self.read(path)
        if text is None:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # bad escapes in somebody's strings
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def pyproject(self) -> dict[str, Any]:
        """Return pyproject.toml, {} where there is none; raises EntrypointError."""
        text = self.read("pyproject.toml")
        if text is None:
            return {}
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise EntrypointError(
                f"pyproject.toml can't be read: {error}",
                where="pyproject.toml",
                remedy="correct the file in its repository",
            ) from error

    def evidence(self, path: str, line: int = 1) -> Evidence:
        """Return line `line` (from 1) of `path`, shortened to what one line holds."""
        lines = (self.read(path) or "").splitlines()
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        return Evidence(path, line, text[:120])

    def line_of(self, path: str, *starts: str) -> int:
        """The first line of `path` that begins with one of `starts`, else 1."""
        for number, line in enumerate((self.read(path) or "").splitlines(), 1):
            if line.strip().startswith(starts):
                return number
        return 1


def table(data: object, *keys: str) -> dict[str, Any]:
    """Walk nested tables of a document; {} where one is missing or no table."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
