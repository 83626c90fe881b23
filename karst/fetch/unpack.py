"""Unpack a forge's archive of a commit into a new folder, hashing it on the way."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from karst.effects.workspace import remove_tree, telling_full_disk
from karst.errors import FetchError
from karst.fetch.links import refuse_leaving
from karst.fetch.pointer import Pointer, parse_pointer
from karst.fetch.tree import FileMode, TreeEntry, blob_digest, tree_id
from karst.fetch.unpack_headers import Member, padding, read_members
from karst.fetch.unpack_limits import Limits, refusal, shown
from karst.fetch.unpack_names import Names
from karst.fetch.unpack_stream import Fault, Gunzip

# Read in one piece, and so can be looked at.
_SMALL = 1 << 16
# Many fetches wait for forges at once, but each call of the system hands Python's lock
# to another thread: sixteen that unpack take twice the processor time of two.
_UNPACKING = threading.BoundedSemaphore(min(4, max(2, os.cpu_count() or 2)))
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Unpacked:
    """What an archive held.

    Attributes:
        entries: of the whole tree, submodules among them, whatever was written.
        folder: which of it was written, "" for all.
        pointers: files that were written and stand for LFS content, by path in
            `folder`.
        gitmodules: the text that says where submodules come from, b"" if it lacks.
    """

    entries: tuple[TreeEntry, ...]
    folder: str
    pointers: Mapping[str, Pointer]
    gitmodules: bytes = b""

    def root_tree(self) -> str:
        """The git tree id of all that the archive held."""
        return self._root_tree

    @cached_property
    def _root_tree(self) -> str:
        return tree_id(self.entries)

    def inside(self) -> Iterator[TreeEntry]:
        """Yield what was written, paths as they are in `folder`."""
        start = f"{self.folder}/" if self.folder else ""
        for entry in self.entries:
            if entry.path.startswith(start):
                yield TreeEntry(entry.path[len(start) :], entry.mode, entry.blob)


def unpack(
    file: BinaryIO,
    into: Path,
    *,
    where: str,
    folder: str = "",
    submodules: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Unpacked:
    """Unpack the `.tar.gz` in `file` into the new folder `into`.

    The archive's one top folder is left out. Only content, the executable bit, and
    links that stay inside are kept. Nothing is written anywhere else, and nothing
    stays where it fails.

    Args:
        folder: write only this folder of the archive; all of it is hashed.
        submodules: commit by path of the folders that git would fill from elsewhere;
            they count for the tree id, and are left empty.

    Raises:
        DamagedArchiveError: it is no whole archive.
        FetchError: it holds what no checkout may hold, or too much.
    """
    work = _Unpacking(into, where, folder, submodules or {}, limits or Limits())
    with _UNPACKING, telling_full_disk(into):
        into.mkdir(parents=True, mode=0o755)
        try:
            with telling_full_disk(into):
                return work.run(file)
        except OSError as error:
            remove_tree(into)
            name = shown(str(error.filename or into.name).rpartition("/")[2])
            raise FetchError(
                f"'{name}' can't be written: {error.strerror}", where=where
            ) from error
        except BaseException:
            remove_tree(into)
            raise


@dataclass
class _Unpacking:
    into: Path
    where: str
    folder: str
    submodules: Mapping[str, str]
    limits: Limits
    entries: list[TreeEntry] = field(default_factory=list)
    links: list[tuple[str, bytes]] = field(default_factory=list)
    pointers: dict[str, Pointer] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    lfs: bool = False
    gitmodules: bytes = b""

    def run(self, file: BinaryIO) -> Unpacked:
        stream = Gunzip(file, self.limits, self.where)
        names = Names(self.limits, self.where)
        top: str | None = None
        for member in read_members(stream, self.where):
            name = names.decode(member.name)
            first, _, path = name.partition("/")
            top = first if top is None else top
            if first != top or first in ("", ".", ".."):
                raise refusal(
                    f"'{shown(name)}' lies outside of the archive's one folder",
                    where=self.where,
                )
            if member.kind == "folder":
                names.add(path.removesuffix("/"), "folder")
                continue
            names.add(path, "file", member.size)
            if member.kind == "link":
                self.take_link(path, member.target)
            else:
                self.take_file(path, member, stream)
        if top is None:
            raise Fault(self.where).damaged("it is empty")
        self.take_submodules(names)
        self.make_links()
        pointers = self.pointers if self.lfs else {}
        return Unpacked(tuple(self.entries), self.folder, pointers, self.gitmodules)

    def wanted(self, path: str) -> str | None:
        """Return the path in the folder that is written; None where it is outside."""
        if not self.folder:
            return path
        start = self.folder + "/"
        return path.removeprefix(start) if path.startswith(start) else None

    def take_file(self, path: str, member: Member, stream: Gunzip) -> None:
        digest, inner = blob_digest(member.size), self.wanted(path)
        first = b""
        with self.open(inner, member) as write:
            small = member.size <= _SMALL
            pieces = [stream.read(member.size)] if small else stream.pieces(member.size)
            for piece in pieces:
                digest.update(piece)
                write(piece)
                first = first or piece
        stream.read(padding(member.size))
        mode: FileMode = "100755" if member.executable else "100644"
        self.entries.append(TreeEntry(path, mode, digest.hexdigest()))
        if path.rpartition("/")[2] == ".gitattributes" and b"filter=lfs" in first:
            self.lfs = True
        if path == ".gitmodules":
            self.gitmodules = first
        if inner and len(first) == member.size and (pointer := parse_pointer(first)):
            self.pointers[inner] = pointer

    @contextlib.contextmanager
    def open(
        self, inner: str | None, member: Member
    ) -> Iterator[Callable[[bytes], object]]:
        """Give what writes the file's bytes, or passes them over."""
        if inner is None:
            yield len
            return
        self.make_folder(inner.rpartition("/")[0])
        mode = 0o755 if member.executable else 0o644
        # Links are made last, so no path leads through one.
        fd = os.open(f"{self.into}/{inner}", _NEW_FILE, mode)
        try:
            yield partial(_write, fd)
        finally:
            os.close(fd)

    def make_folder(self, folder: str) -> None:
        if folder and folder not in self.folders:
            (self.into / folder).mkdir(parents=True, exist_ok=True, mode=0o755)
            self.folders.add(folder)

    def take_link(self, path: str, target: bytes) -> None:
        blob = blob_digest(len(target))
        blob.update(target)
        self.entries.append(TreeEntry(path, "120000", blob.hexdigest()))
        inner = self.wanted(path)
        if inner is not None:
            self.links.append((inner, target))

    def take_submodules(self, names: Names) -> None:
        for path, commit in self.submodules.items():
            names.add(path, "folder")
            self.entries.append(TreeEntry(path, "160000", commit))
            inner = self.wanted(path)
            if inner is not None:
                self.make_folder(inner)

    def make_links(self) -> None:
        links = {path: self.decode_target(path, raw) for path, raw in self.links}
        refuse_leaving(links, links, where=self.where)
        for path, target in links.items():
            self.make_folder(path.rpartition("/")[0])
            (self.into / path).symlink_to(target)

    def decode_target(self, path: str, raw: bytes) -> str:
        try:
            target = raw.decode()
        except UnicodeDecodeError:
            target = ""
        if not target or "\0" in target or len(raw) > self.limits.path:
            raise refusal(f"the link '{shown(path)}' leads nowhere", where=self.where)
        return target


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
