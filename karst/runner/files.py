"""Sets of mesh files: found whole, checked, put in force by one rename."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_FILE_LIMIT = 16 << 20
_REQUIRED = "envoy.yaml"
# The engine writes a delivered file, and then sets its owner, its mode and, last, its
# times by name: a set that is moved away in between makes it fail the whole delivery.
# karst's archives say the epoch. A file of another time may have others to come.
_SETTLED_NS = 5_000_000_000
_BEGIN, _END = "# karst: begin", "# karst: end"


class Manifest(NamedTuple):
    """What a set says of itself: `files` maps each name to its SHA-256 in hex."""

    version: str
    sequence: int
    files: dict[str, str]


class SetError(ValueError):
    """A set that cannot be used; the text says why."""


class FileSets:
    """The volume's sets: `incoming/<version>`, `sets/<version>`, and the link `current`.

    `error` holds why the newest delivery was not applied, or "". A delivery is looked
    at when its manifest has the times that karst gives it, or has not changed for
    `settled_ns` nanoseconds.
    """

    def __init__(self, root: Path, *, settled_ns: int = _SETTLED_NS) -> None:
        self._root = root
        self._settled_ns = settled_ns
        self._incoming = root / "incoming"
        self._seen: dict[str, int] = {}
        self.error = ""
        self.current = self._read_current()
        self._resume()

    def poll(self, before_move: Callable[[], None] = lambda: None) -> bool:
        """Apply the newest complete set there is; True if `current` has moved.

        `before_move` is called while the older set is still in force.
        """
        found, failed, moved = [], "", False
        for path in self._deliveries():
            try:
                found.append((verify(path), path))
            except SetError as error:
                failed = f"set {path.name}: {error}"
        found.sort(key=lambda each: each[0].sequence)
        # Several came while nobody looked: their names say nothing of their order.
        for _, path in found[:-1]:
            self._forget(path)
        for manifest, path in found[-1:]:
            try:
                moved = self._apply(path, manifest, before_move)
            except SetError as error:
                failed = f"set {path.name}: {error}"
        self.error = failed or self.error
        return moved

    def show(self) -> None:
        """Point `current` at the set in force, by a move: that makes Envoy read it."""
        if self.current:
            link = self._root / "current.new"
            link.unlink(missing_ok=True)
            link.symlink_to(f"sets/{self.current.version}")
            link.rename(self._root / "current")

    def text(self, name: str) -> str:
        """The text of a file of the current set; "" where it has none."""
        if not self.current or name not in self.current.files:
            return ""
        return (self._root / "current" / name).read_text()

    def _deliveries(self) -> list[Path]:
        """Deliveries with a manifest that was not looked at yet."""
        found = []
        try:
            entries = sorted(entry.name for entry in self._incoming.iterdir())
        except FileNotFoundError:
            return []
        for name in entries:
            try:
                manifest = os.lstat(self._incoming / name / "manifest.json")
            except (FileNotFoundError, NotADirectoryError):
                continue
            changed = manifest.st_ctime_ns
            # A clock that was set back must not stop deliveries: only the near past waits.
            recent = 0 <= time.time_ns() - changed < self._settled_ns
            if recent and manifest.st_mtime_ns:
                continue
            if self._seen.get(name) != changed:
                self._seen[name] = changed
                found.append(self._incoming / name)
        return found

    def _apply(
        self, path: Path, manifest: Manifest, before_move: Callable[[], None]
    ) -> bool:
        if self.current and manifest.version == self.current.version:
            self._forget(path)
            self.error = ""
            return False
        if self.current and manifest.sequence <= self.current.sequence:
            raise SetError(
                f"its sequence {manifest.sequence} is not above "
                f"{self.current.sequence}, the one in force"
            )
        sets = self._root / "sets"
        sets.mkdir(exist_ok=True)
        target = sets / manifest.version
        before_move()
        _remove(target)
        path.rename(target)
        previous, self.current = self.current, manifest
        self.show()
        self.error = ""
        self._prune(keep={manifest.version, previous.version if previous else ""})
        return True

    def _resume(self) -> None:
        """Show the set that was moved into place, where an end came before its showing."""
        sets = self._root / "sets"
        if self.error or not sets.is_dir():
            return
        for path in sets.iterdir():
            try:
                found = verify(path)
            except SetError:
                continue
            if not self.current or found.sequence > self.current.sequence:
                self.current = found
                self.show()

    def _prune(self, keep: set[str]) -> None:
        for old in (self._root / "sets").iterdir():
            if old.name not in keep:
                _remove(old)

    def _forget(self, path: Path) -> None:
        self._seen.pop(path.name, None)
        _remove(path)

    def _read_current(self) -> Manifest | None:
        try:
            return verify(self._root / "current", named=False)
        except SetError as error:
            if (self._root / "current").is_symlink():
                self.error = f"the set in force: {error}"
            return None


def verify(path: Path, *, named: bool = True) -> Manifest:
    """Check a set against its manifest, file by file; raises SetError.

    With `named`, the folder must have the version for its name.
    """
    manifest = _manifest(_read(path / "manifest.json"))
    if named and manifest.version != path.name:
        raise SetError(f"its manifest says {manifest.version}")
    if _REQUIRED not in manifest.files:
        raise SetError(f"it has no {_REQUIRED}")
    for name, digest in manifest.files.items():
        if hashlib.sha256(_read(path / name)).hexdigest() != digest:
            raise SetError(f"{name} is not what the manifest says")
    return manifest


def _manifest(content: bytes) -> Manifest:
    try:
        given = json.loads(content)
        version, files = str(given["version"]), dict(given["files"])
        sequence = int(given["sequence"])
    except (ValueError, KeyError, TypeError) as error:
        raise SetError(f"its manifest cannot be read ({error!r})") from error
    for name in (version, *files):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SetError(f"{name!r} is no plain name")
    return Manifest(version, sequence, files)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SetError(f"{path.name}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_FILE_LIMIT + 1)
    if len(content) > _FILE_LIMIT:
        raise SetError(f"{path.name} is over {_FILE_LIMIT} bytes")
    return content


def _remove(folder: Path) -> None:
    """Remove a set: a flat folder (`shutil` would load three compression libraries)."""
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()


def with_hosts(text: str, names: str) -> str:
    """The hosts file `text` with the lines `names` between karst's two marker lines."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = line == _BEGIN or (inside and line != _END)
        if not inside and line != _END:
            kept.append(line)
    added = [line for line in names.splitlines() if line and not line.startswith("#")]
    block = [_BEGIN, *added, _END] if added else []
    return "".join(f"{line}\n" for line in kept + block)


def write_hosts(path: Path, names: str) -> None:
    """Put `names` into the hosts file in place: it is a bind mount, shared with the app."""
    with path.open("r+b", buffering=0) as file:
        before = file.read()
        after = with_hosts(before.decode("utf-8", "replace"), names).encode()
        if after != before:
            file.seek(0)
            file.write(after)
            file.truncate(len(after))
