"""Reads a fetched tree as text; never imports or runs it."""

from __future__ import annotations

import ast
import os
import threading
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from karst.errors import EntrypointError
from karst.inspection.bounds import MAX_FILE_BYTES, parse_toml
from karst.inspection.entrypoint import Evidence

# Fetched content is hostile: nothing is read without a bound.
MAX_LISTED = 20_000
# Of one tree, in bytes and in characters; a syntax tree takes up to 200 times its text.
MAX_READ = 256 << 20
MAX_PARSED = 8 << 20
_PIECE = 1 << 16
_NO_SOURCES = frozenset(
    {"node_modules", "site-packages", "venv", "__pycache__", "bower_components"}
)
_T = TypeVar("_T")
# One parse at a time: before 3.11.9 and 3.12.3, CPython counts the depth of every
# thread's tree in one place and raises SystemError (python/cpython#106905); and
# `catch_warnings` changes the filters of all threads.
_PARSER = threading.Lock()


def parse_python(text: str) -> ast.Module:
    """Parse somebody's Python; raises SyntaxError, ValueError, RecursionError."""
    with _PARSER, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bad escapes in somebody's strings
        return ast.parse(text)


@dataclass(frozen=True)
class SourceTree:
    """A folder of files that somebody else wrote; each is read and parsed once."""

    root: Path
    _kept: dict[tuple[str, str], Any] = field(
        default_factory=dict, compare=False, repr=False
    )

    @cached_property
    def files(self) -> frozenset[str]:
        """Paths of all regular files; links left out, and what is hidden, installed,
        or named by a template's placeholder."""
        found: list[str] = []
        pending = [""]
        while pending and len(found) < MAX_LISTED:
            folder = pending.pop()
            prefix = f"{folder}/" if folder else ""
            with os.scandir(self.root / folder) as scanned:
                entries = list(scanned)
            if any(entry.name == "pyvenv.cfg" for entry in entries):
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _NO_SOURCES and entry.name[0] not in ".{":
                        pending.append(prefix + entry.name)
                elif entry.is_file(follow_symlinks=False):
                    found.append(prefix + entry.name)
        return frozenset(found)

    @cached_property
    def packages(self) -> frozenset[str]:
        """Folders that hold Python files, themselves or below."""
        found: set[str] = set()
        for path in self.files:
            folder = path.rpartition("/")[0] if path.endswith(".py") else ""
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    @cached_property
    def _resolved(self) -> Path:
        return self.root.resolve()

    def is_file(self, path: str) -> bool:
        """Say whether `path` is a file that does not lie outside of the tree."""
        if path in self.files:
            return True
        place = self.root / path
        try:
            return place.is_file() and place.resolve().is_relative_to(self._resolved)
        except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL byte
            return False

    def is_folder(self, path: str) -> bool:
        """Say whether `path` is a folder of the tree; "" is the tree itself."""
        parts = path.split("/")
        place = self.root / path
        inside = not path.startswith("/") and ".." not in parts and "\0" not in path
        return inside and place.is_dir() and not place.is_symlink()

    def read(self, path: str) -> str | None:
        """Return the text of `path`; None where it is missing, huge or no UTF-8."""
        return self.once("text", path, self._read)

    def _read(self, path: str) -> str | None:
        if not self.is_file(path):
            return None
        try:
            raw = _bytes_of(f"{self.root}/{path}")
            if len(raw) > MAX_FILE_BYTES or not self._affords("read", raw, MAX_READ):
                return None
            return raw.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    def lines(self, path: str) -> list[str]:
        """The lines of `path`, [] where it can't be read."""
        return self.once("lines", path, lambda _: (self.read(path) or "").splitlines())

    def folders(self, path: str = "") -> tuple[str, ...]:
        """Names of the folders in folder `path`, sorted; links left out."""
        place = self.root / path
        if not place.is_dir() or place.is_symlink():
            return ()
        with os.scandir(place) as found:
            names = [e.name for e in found if e.is_dir(follow_symlinks=False)]
        return tuple(sorted(names))

    def is_template(self, files: frozenset[str]) -> bool:
        """One of `files` is there, and a folder whose name is a placeholder."""
        names = self.folders()
        return not self.files.isdisjoint(files) and any(n[0] == "{" for n in names)

    def python_files(self, skip: frozenset[str]) -> tuple[str, ...]:
        """Paths of all .py files, sorted; folders in `skip` left out."""

        def find(_: str) -> tuple[str, ...]:
            return tuple(
                sorted(
                    path
                    for path in self.files
                    if path.endswith(".py") and skip.isdisjoint(path.split("/")[:-1])
                )
            )

        return self.once("python files", "/".join(sorted(skip)), find)

    def has_python(self, folder: str = "") -> bool:
        """Say whether any file below `folder` is Python."""
        inside = f"{folder}/" if folder else ""
        return any(p.startswith(inside) and p.endswith(".py") for p in self.files)

    def parse(self, path: str) -> ast.Module | None:
        """Parse a Python file; None where that can't be done."""
        return self.once("ast", path, self._parse)

    def _parse(self, path: str) -> ast.Module | None:
        text = self.read(path)
        if text is None or not self._affords("parsed", text, MAX_PARSED):
            return None
        try:
            return parse_python(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def pyproject(self) -> dict[str, Any]:
        """Return pyproject.toml, {} where there is none; raises EntrypointError."""
        return self.once("toml", "pyproject.toml", self._toml)

    def _toml(self, path: str) -> dict[str, Any]:
        text = self.read(path)
        if text is None:
            return {}
        try:
            return parse_toml(text)
        except tomllib.TOMLDecodeError as error:
            raise EntrypointError(
                f"{path} can't be read: {error}",
                where=path,
                remedy="correct the file in its repository",
            ) from error

    def _affords(self, kind: str, what: str | bytes, most: int) -> bool:
        """Count `what` as kept; False where that is more than one tree may cost."""
        spent = int(self._kept.get(("spent", kind), 0)) + len(what)
        self._kept["spent", kind] = spent
        return spent <= most

    def evidence(self, path: str, line: int = 1) -> Evidence:
        """Return line `line` (from 1) of `path`, shortened to what one line holds."""
        lines = self.lines(path)
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        return Evidence(path, line, text[:120])

    def line_of(self, path: str, *starts: str) -> int:
        """The first line of `path` that begins with one of `starts`, else 1."""
        for number, line in enumerate(self.lines(path), 1):
            if line.strip().startswith(starts):
                return number
        return 1

    def once(self, kind: str, path: str, make: Callable[[str], _T]) -> _T:
        """Return what `make(path)` gave the first time for this kind and path."""
        if (kind, path) not in self._kept:
            self._kept[kind, path] = make(path)
        value: _T = self._kept[kind, path]
        return value


def _bytes_of(path: str) -> bytes:
    """Read `path`, though no more than shows that it is too large."""
    # A file object with room for the largest file costs most of the time of a tree.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = os.read(fd, _PIECE)
        while len(raw) <= MAX_FILE_BYTES and (piece := os.read(fd, _PIECE)):
            raw += piece
        return raw
    finally:
        os.close(fd)


def table(data: object, *keys: str) -> dict[str, Any]:
    """Walk nested tables of a document; {} where one is missing or no table."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
