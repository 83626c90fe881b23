"""An event's payload, read by path: what it holds is the forge's word about others' text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from karst.errors import ConfigError

# GitHub's own limit for a payload is 25 MB; ours are far smaller.
LONGEST = 25_000_000
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,98}(?:\[bot\])?")
# What git itself refuses in a branch's name, and what could end a line of a log.
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|^/|/$|^-")


def parse_event(text: str, *, where: str) -> Mapping[str, Any]:
    """Read the JSON of an event; raises ConfigError where it is not an object."""
    try:
        found = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(
            "the event's file holds no JSON object",
            where=where,
            remedy="the runner writes it; a step that changes it has to leave it whole",
        )
    return found


@dataclass(frozen=True)
class Payload:
    """Reads typed values at dotted paths; every method raises ConfigError.

    `where` is what messages call the payload.
    """

    document: Mapping[str, Any]
    where: str

    def find(self, path: str) -> Any:
        """Return what stands at `path`, or None where it or a part of it is missing."""
        found: Any = self.document
        for name in path.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    def text(self, path: str, default: str | None = None) -> str:
        found = self.find(path)
        if found is None and default is not None:
            return default
        if not isinstance(found, str):
            self._refuse(path, "a text", found)
        return found

    def number(self, path: str) -> int:
        found = self.find(path)
        if type(found) is not int or not 0 < found < 2**63:
            self._refuse(path, "a number above 0", found)
        return found

    def truth(self, path: str) -> bool:
        found = self.find(path)
        if found is None:
            return False
        if not isinstance(found, bool):
            self._refuse(path, "true or false", found)
        return found

    def commit(self, path: str) -> str:
        return self._matching(path, _COMMIT, "a full commit id")

    def repository(self, path: str) -> str:
        return self._matching(path, _REPOSITORY, "owner/name")

    def login(self, path: str) -> str:
        return self._matching(path, _LOGIN, "a user's name")

    def branch(self, path: str) -> str:
        found = self.text(path)
        if not is_branch(found):
            self._refuse(path, "a branch", found)
        return found

    def _matching(self, path: str, pattern: re.Pattern[str], wanted: str) -> str:
        found = self.text(path)
        if not pattern.fullmatch(found):
            self._refuse(path, wanted, found)
        return found

    def _refuse(self, path: str, wanted: str, found: object) -> NoReturn:
        kind = "nothing" if found is None else f"{found!r:.60}"
        raise ConfigError(
            f"{wanted} is wanted here, found {kind}",
            where=f"{self.where} {path}",
            remedy="let the forge itself start the run; an event made by hand needs this key",
        )


def is_commit(text: str) -> bool:
    return bool(_COMMIT.fullmatch(text))


def is_repository(text: str) -> bool:
    return bool(_REPOSITORY.fullmatch(text)) and ".." not in text


def is_branch(text: str) -> bool:
    return 0 < len(text) <= 255 and not _NO_BRANCH.search(text)


def read_url(environ: Mapping[str, str], name: str, default: str) -> str:
    """A variable's URL without a slash at its end; raises ConfigError for any other
    text, and returns "" where neither variable nor default is there."""
    text = environ.get(name) or default
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        well = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        well = False
    if not well:
        raise ConfigError(f"'{text:.80}' is no URL", where=name)
    return text.rstrip("/")
