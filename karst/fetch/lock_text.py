"""repos.lock as text: rendered in one way only, and read with lines and paths."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from karst.config.checks.names import is_label
from karst.config.document import Document, Path, read_document
from karst.config.faults import place
from karst.config.legible import legible
from karst.config.slug import Slug, parse_slug
from karst.errors import ConfigError, LockError
from karst.fetch.lock import LockedBase, LockEntry, RepoLock

VERSION = 1
_HEAD = """\
# Written by `karst lock`, for people to read and to commit; edits belong in repos.yaml.
# `karst lock --upgrade [NAME...]` moves it on.
"""
_AGAIN = "take the file as it was committed, or remove it and run `karst lock`"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_PYTHON = re.compile(r"3\.\d{1,2}", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})(\s|$)", re.MULTILINE)
_SOURCE_KEYS = ("slug", "path", "commit", "tree", "entrypoint", "base", "resolved")
_IMAGE_KEYS = ("image", "digest", "resolved")
_BASE_KEYS = ("image", "python", "digest", "id")


def render_lock(lock: RepoLock) -> str:
    """The file's text: equal locks, equal bytes; a value per line, all quoted."""
    lines = [_HEAD + f"version: {VERSION}"]
    lines.append("services:" if lock.entries else "services: {}")
    for entry in lock.entries:
        lines.append(f"  {entry.service}:")
        lines += [f"    {line}" for line in _entry_lines(entry)]
    return "\n".join(lines) + "\n"


def _entry_lines(entry: LockEntry) -> list[str]:
    written = {
        "image": entry.image,
        "digest": entry.digest,
        "slug": str(entry.slug or ""),
        "path": entry.path,
        "commit": entry.commit,
        "tree": entry.tree,
        "entrypoint": entry.entrypoint,
    }
    lines = [f"{key}: {_quoted(value)}" for key, value in written.items() if value]
    if base := entry.base:
        lines.append("base:")
        values = (base.reference, base.python, base.digest, base.image_id)
        lines += [
            f"  {key}: {_quoted(value)}"
            for key, value in zip(_BASE_KEYS, values, strict=True)
            if value
        ]
    return [*lines, f"resolved: {_quoted(entry.resolved)}"]


def _quoted(text: str) -> str:
    """Always in quotes: a commit such as 1234e56... would be a number without."""
    written: str = yaml.safe_dump(
        text, default_style='"', allow_unicode=True, width=math.inf
    )
    return written.rstrip("\n")


def parse_lock(text: str, *, source: str) -> RepoLock:
    """Read what `render_lock` wrote; raises LockError with line and path."""
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockError(
            f"there is a merge conflict in it (`{conflict[1]}`)",
            where=f"{source}:{line}",
            remedy="take either side whole (`git checkout --ours` or `--theirs`), then run `karst lock`",
        )
    try:
        document = read_document(text, source=source)
        return _Reader(document).lock()
    except ConfigError as error:
        # The parts that read repos.yaml speak of it; this is another file.
        remedy = error.remedy if "slug" not in error.remedy else ""
        raise LockError(
            error.what, where=error.where, remedy=remedy or _AGAIN
        ) from None


@dataclass(frozen=True)
class _Reader:
    """Reads values by path; every method raises LockError."""

    document: Document

    def lock(self) -> RepoLock:
        root = self.mapping((), self.document.data, ("version", "services"))
        version = root.get("version")
        if version is None or isinstance(version, bool) or version != VERSION:
            known = isinstance(version, int) and not isinstance(version, bool)
            newer = known and version > VERSION  # type: ignore[operator]
            raise self.error(
                ("version",),
                f"version {legible(str(version))} of the lock is not known here"
                if version is not None
                else "the lock does not say its version",
                f"this karst writes version {VERSION}"
                + ("; a newer karst wrote the file: use that one" * newer),
            )
        services = self.mapping(("services",), root.get("services", {}), None)
        return RepoLock.of(self.entry(name, value) for name, value in services.items())

    def entry(self, name: str, value: object) -> LockEntry:
        path: Path = ("services", name)
        # Written back without quotes, and no service has another.
        if not is_label(name):
            raise self.error(path, f"'{legible(name)}' is no name of a service")
        is_image = isinstance(value, dict) and "image" in value
        keys = _IMAGE_KEYS if is_image else _SOURCE_KEYS
        data = self.mapping(path, value, keys)
        resolved = self.text((*path, "resolved"), data, _TIME, "no UTC time")
        if is_image:
            return LockEntry(
                name,
                image=self.text((*path, "image"), data, _IMAGE, "no image"),
                digest=self.text((*path, "digest"), data, _DIGEST, "no digest", ""),
                resolved=resolved,
            )
        return LockEntry(
            name,
            slug=self.slug((*path, "slug"), data),
            path=self.folder((*path, "path"), data),
            commit=self.text((*path, "commit"), data, _ID, "no full commit id"),
            tree=self.text((*path, "tree"), data, _ID, "no tree id"),
            entrypoint=self.text((*path, "entrypoint"), data),
            base=self.base((*path, "base"), data["base"]) if "base" in data else None,
            resolved=resolved,
        )

    def base(self, path: Path, value: object) -> LockedBase:
        data = self.mapping(path, value, _BASE_KEYS)
        found = LockedBase(
            self.text((*path, "image"), data, _IMAGE, "no image"),
            self.text((*path, "python"), data, _PYTHON, "no Python version"),
            self.text((*path, "digest"), data, _DIGEST, "no digest", ""),
            self.text((*path, "id"), data, _DIGEST, "no image id", ""),
        )
        if bool(found.digest) == bool(found.image_id):
            raise self.error(path, "a base has either a digest or an id")
        return found

    def slug(self, path: Path, data: dict[str, Any]) -> Slug:
        slug = parse_slug(self.text(path, data), where=place(self.document, path))
        if slug.forge == "file" and slug.ref is None:
            raise self.error(
                path, f"'{slug}' is a folder as it is, which has no commit"
            )
        return slug

    def folder(self, path: Path, data: dict[str, Any]) -> str:
        text = self.text(path, data, otherwise="")
        if text.startswith("/") or ".." in text.split("/"):
            raise self.error(path, f"'{legible(text)}' leads out of the repository")
        return text

    def text(
        self,
        path: Path,
        data: dict[str, Any],
        form: re.Pattern[str] | None = None,
        fault: str = "",
        otherwise: str | None = None,
    ) -> str:
        key = str(path[-1])
        if key not in data:
            if otherwise is not None:
                return otherwise
            raise self.error(path[:-1], f"'{key}' is missing")
        value = data[key]
        if not isinstance(value, str):
            raise self.error(path, "text is wanted here, in quotes")
        if not value or (form and not form.fullmatch(value)):
            raise self.error(path, f"'{legible(value)}' is {fault or 'empty'}")
        return value

    def mapping(
        self, path: Path, value: object, keys: tuple[str, ...] | None
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(path, "keys and values are wanted here")
        unknown = [key for key in value if keys is not None and key not in keys]
        if unknown:
            raise self.error((*path, unknown[0]), "unknown key")
        return value

    def error(self, path: Path, what: str, remedy: str = _AGAIN) -> LockError:
        return LockError(what, where=place(self.document, path), remedy=remedy)
