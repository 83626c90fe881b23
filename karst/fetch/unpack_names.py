"""Which paths a repository may have: a check for each, knowing all before it."""

from __future__ import annotations

import unicodedata
from typing import Literal

from karst.fetch.unpack_limits import Limits, refusal, shown

_LONGEST_NAME = 255


class Names:
    """The paths of one tree so far; `add` refuses what can't stand beside them.

    Collisions of case and of Unicode form are refused because the same commit would be
    another set of files on another machine.
    """

    def __init__(self, limits: Limits, where: str) -> None:
        self._limits = limits
        self._where = where
        self._files: set[str] = set()
        self._folders: set[str] = {""}
        self._spelled: dict[str, str] = {}
        self._count = 0
        self._bytes = 0

    def decode(self, raw: bytes) -> str:
        """Return a name as text; raises FetchError where it is no UTF-8."""
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise refusal(
                f"the file name '{shown(raw)}' is no UTF-8",
                where=self._where,
                remedy="rename the file",
            ) from None

    def add(self, path: str, kind: Literal["file", "folder"], size: int = 0) -> None:
        """Take `path` in ("" is the root); raises FetchError where it may not be."""
        self.weigh(path, size)
        if not path:
            self._expect(kind == "folder", "is not a folder", path)
            return
        parts = path.split("/")
        for part in parts:
            self._check(part, path)
        self._expect(len(parts) - 1 <= self._limits.depth, "lies too deep", path)
        parent = "/".join(parts[:-1])
        if parent not in self._folders:
            for index in range(1, len(parts)):
                self._enter("/".join(parts[:index]))
        if kind == "folder":
            self._enter(path)
        else:
            taken = path in self._files or path in self._folders
            self._expect(not taken, "is there twice", path)
            self._files.add(path)
            self._spell(path)

    def weigh(self, path: str, size: int) -> None:
        """Count a file or folder; raises FetchError where it is one too many."""
        self._count += 1
        self._bytes += size
        if self._count > self._limits.files:
            raise refusal(
                f"the repository holds more than {self._limits.files} files",
                where=self._where,
            )
        if self._bytes > self._limits.size:
            raise refusal(
                f"the repository's files are more than {self._limits.size >> 20} MiB",
                where=self._where,
            )
        long = len(path.encode("utf-8", "replace")) > self._limits.path
        self._expect(not long, "has too long a path", path)

    def _check(self, part: str, path: str) -> None:
        self._expect(part not in ("", ".", ".."), "leads elsewhere", path)
        self._expect("\0" not in part, "is no path", path)
        self._expect(part.casefold() != ".git", "is git's own", path)
        long = len(part.encode()) > _LONGEST_NAME
        self._expect(not long, "has too long a name", path)

    def _enter(self, folder: str) -> None:
        if folder in self._folders:
            return
        self._expect(folder not in self._files, "is a file and a folder", folder)
        self._folders.add(folder)
        self._spell(folder)

    def _spell(self, path: str) -> None:
        folded = unicodedata.normalize("NFD", path).casefold()
        key = unicodedata.normalize("NFD", folded)
        other = self._spelled.setdefault(key, path)
        if other != path:
            raise refusal(
                f"'{shown(other)}' and '{shown(path)}' differ only in case or in Unicode form",
                where=self._where,
                remedy="rename one of them: on many machines they are one file",
            )

    def _expect(self, holds: bool, what: str, path: str) -> None:
        if not holds:
            raise refusal(f"the path '{shown(path)}' {what}", where=self._where)
