"""The slug grammar: `gh:owner/repo#ref`, `gl:group/sub/repo`, `bb:workspace/repo`, `file:path`.

A slug is text only; what its ref points to is resolved by `karst.fetch`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from karst.errors import SlugError

Forge = Literal["gh", "gl", "bb", "file"]

_SEGMENT = r"[A-Za-z0-9_.](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?"
_OWNER_REPO = re.compile(rf"{_SEGMENT}/{_SEGMENT}")
_SUBGROUPS = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})+")
# What git itself forbids in a ref name (git-check-ref-format), and a leading dash,
# which a git command line would read as an option.
_BAD_REF = re.compile(
    r"(^[-/.])|(\.\.)|([\x00-\x20\x7f~^:?*\[\\])|(@\{)|(/$)|(\.$)|(\.lock(/|$))|(//)|(/\.)|(^@$)"
)


@dataclass(frozen=True, order=True)
class Slug:
    """A repository at a forge, or a local folder.

    Attributes:
        forge: "gh", "gl", "bb" or "file".
        path: `owner/repo`, `group/sub/repo`, or a path relative to repos.yaml.
        ref: branch, tag or commit; None for the default branch (or, for a local
            folder, for the files as they are).
    """

    forge: Forge
    path: str
    ref: str | None = None

    def __str__(self) -> str:
        return f"{self.forge}:{self.path}" + (f"#{self.ref}" if self.ref else "")

    @property
    def repository_name(self) -> str:
        """The last segment of the path, without a `.git` at its end."""
        name = self.path.rstrip("/").rsplit("/", 1)[-1]
        return name.removesuffix(".git")


def parse_slug(text: str, *, where: str = "") -> Slug:
    """Parse a slug; raises SlugError with a sentence that names the fault."""
    remedy = "write gh:owner/repo, gl:group/repo, bb:workspace/repo or file:./path, optionally with #branch, #tag or #commit"
    forge, colon, rest = text.partition(":")
    if not colon or forge not in ("gh", "gl", "bb", "file"):
        raise SlugError(f"'{text}' is no slug", where=where, remedy=remedy)
    path, hash_mark, ref = rest.partition("#")
    if hash_mark and (not ref or _BAD_REF.search(ref)):
        raise SlugError(
            f"'{ref}' in '{text}' is no branch, tag or commit",
            where=where,
            remedy="name a ref as git would accept it after '#', or leave the '#' out",
        )
    if forge == "file":
        if not path or "\x00" in path:
            raise SlugError(f"'{text}' names no folder", where=where, remedy=remedy)
        return Slug("file", path, ref or None)
    pattern = _SUBGROUPS if forge == "gl" else _OWNER_REPO
    if not pattern.fullmatch(path) or any(
        part in (".", "..") for part in path.split("/")
    ):
        raise SlugError(
            f"'{path}' in '{text}' is no repository path", where=where, remedy=remedy
        )
    return Slug(forge, path, ref or None)  # type: ignore[arg-type]
