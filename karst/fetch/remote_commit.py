"""One commit of a forge, put into a folder: verified whole, completed, then tidied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from karst.effects.workspace import remove_tree, telling_full_disk
from karst.errors import FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.cache_notes import Notes
from karst.fetch.clone import Cloner
from karst.fetch.local import refuse_leaving_links, tidy_copy
from karst.fetch.pointer import Pointer, copy_content
from karst.fetch.remote import ArchiveUnavailableError, Forge
from karst.fetch.remote_submodules import Submodules
from karst.fetch.remote_wanted import Found, Step, Wanted
from karst.fetch.revision import RevisionGoneError
from karst.fetch.tree import tree_id
from karst.fetch.unpack import Unpacked, unpack
from karst.fetch.unpack_limits import refusal


@dataclass(frozen=True)
class CommitFetch:
    """Fetches for one slug; `where` names it in errors."""

    forge: Forge
    cache: CheckoutCache
    cloner: Cloner
    offline: bool
    tell: Callable[[Step], None]
    where: str

    def run(self, wanted: Wanted, into: Path) -> Found:
        """Fill the new folder `into`; nothing stays of it where that fails."""
        with telling_full_disk(into), _undoing(into):
            unpacked = self.obtain(wanted, into)
            root_tree = unpacked.root_tree()
            entries = tuple(unpacked.inside())
            if not entries:
                raise _no_folder(wanted, unpacked, self.where)
            paths = [e.path for e in entries if e.mode != "160000"]
            inner = Submodules(self, wanted).fill(unpacked, wanted, into)
            if inner:
                paths += inner
                refuse_leaving_links(into, tuple(paths), where=self.where)
            # What is private counts for the id, though it is left out.
            tree = tree_id(entries) if wanted.folder else root_tree
            tidy_copy(into, tuple(paths))
        return Found(tree, root_tree)

    def obtain(self, wanted: Wanted, into: Path) -> Unpacked:
        """Unpack the verified commit, LFS files filled in and submodules left empty."""
        unpacked = self._unpacked(wanted, into)
        self._fill_pointers(wanted, unpacked, into)
        return unpacked

    def _unpacked(self, wanted: Wanted, into: Path) -> Unpacked:
        found = self._take(wanted, into)
        if found:
            return found
        if self.offline:
            raise FetchError(
                f"commit {wanted.commit[:12]} is not in the cache, and no forge may be asked",
                where=self.where,
                remedy="fetch it once while there is a network, or unset KARST_OFFLINE",
            )
        seconds = self.cloner.deadline.check(self.where)
        # Whoever holds it may stand still for good: then there has to be time to fetch.
        with self.cache.claim(wanted.commit, seconds / 2):
            # Somebody else may have fetched it meanwhile.
            found = self._take(wanted, into)
            if not found and wanted.repository and wanted.tree:
                found = self._from_archive(wanted, into)
            return found or self._from_clone(wanted, into)

    def _take(self, wanted: Wanted, into: Path) -> Unpacked | None:
        found = self.cache.take(
            wanted.commit,
            wanted.tree,
            into,
            where=self.where,
            folder=wanted.folder,
            limits=self.cloner.limits,
        )
        if found:
            self.tell("cache")
        return found

    def _from_archive(self, wanted: Wanted, into: Path) -> Unpacked | None:
        """Try the forge's archive; None where there is none, or not of this tree.

        It is not of this tree where the repository leaves files out of archives or
        changes them there (export-ignore, export-subst), and with submodules.
        """
        self.cloner.deadline.check(self.where)
        self.tell("archive")
        with self.cache.draft() as draft:
            file = draft / "archive.tar.gz"
            try:
                self.forge.download_archive(
                    wanted.repository,
                    wanted.commit,
                    file,
                    limit=self.cloner.limits.archive,
                )
                found = self._unpack(wanted, file, Notes(), into)
            except ArchiveUnavailableError:
                return None
            if found.root_tree() != wanted.tree:
                remove_tree(into)
                return None
            self.cache.keep(wanted.commit, file, Notes())
            return found

    def _from_clone(self, wanted: Wanted, into: Path) -> Unpacked:
        self.tell("clone")
        with self.cache.draft() as draft:
            clone = self.cloner.clone(
                wanted.access(),
                wanted.commit,
                draft / "clone",
                where=self.where,
                ref=wanted.ref,
            )
            if wanted.tree not in (None, clone.tree):
                raise RevisionGoneError(
                    f"commit {wanted.commit[:12]} holds tree {clone.tree[:12]}, not {str(wanted.tree)[:12]}",
                    where=self.where,
                    remedy="whoever pinned it has changed one of the two; pin it anew",
                )
            file = draft / "archive.tar.gz"
            notes = clone.export(file)
            found = self._unpack(wanted, file, notes, into)
            if found.root_tree() != clone.tree:
                raise refusal(
                    f"git does not give the files of commit {wanted.commit[:12]} as they are",
                    where=self.where,
                )
            self.cache.keep(wanted.commit, file, notes)
            return found

    def _unpack(
        self, wanted: Wanted, archive: Path, notes: Notes, into: Path
    ) -> Unpacked:
        with archive.open("rb") as file:
            return unpack(
                file,
                into,
                where=self.where,
                folder=wanted.folder,
                submodules=notes.submodules,
                limits=self.cloner.limits,
            )

    def _fill_pointers(self, wanted: Wanted, unpacked: Unpacked, into: Path) -> None:
        """Put what LFS pointers stand for in their places."""
        lacking: dict[Pointer, list[Path]] = {}
        for path, pointer in unpacked.pointers.items():
            if not self.cache.take_content(pointer, into / path):
                lacking.setdefault(pointer, []).append(into / path)
        if not lacking:
            return
        if self.offline:
            raise FetchError(
                f"{len(lacking)} LFS files are not in the cache, and no forge may be asked",
                where=self.where,
                remedy="fetch it once while there is a network, or unset KARST_OFFLINE",
            )
        self.tell("lfs")
        with self.cache.draft() as draft:
            clone = self.cloner.clone(
                wanted.access(),
                wanted.commit,
                draft / "clone",
                where=self.where,
                ref=wanted.ref,
            )
            contents = clone.fetch_contents(frozenset(lacking), draft / "contents")
            for pointer, file in contents.items():
                for place in lacking[pointer]:
                    _place(pointer, file, place, self.where)
                self.cache.keep_content(pointer, file)


def _place(pointer: Pointer, file: Path, place: Path, where: str) -> None:
    with file.open("rb") as source:
        if not copy_content(pointer, source, place):
            raise FetchError("an LFS file changed while it was copied", where=where)


def _no_folder(wanted: Wanted, unpacked: Unpacked, where: str) -> FetchError:
    if not wanted.folder:
        return FetchError(f"commit {wanted.commit[:12]} holds no files", where=where)
    inside = [
        entry.path
        for entry in unpacked.entries
        if entry.mode == "160000" and f"{wanted.folder}/".startswith(f"{entry.path}/")
    ]
    if inside:
        return FetchError(
            f"the folder '{wanted.folder}' is in the submodule '{inside[0]}'",
            where=where,
            remedy="name the submodule's own repository as the slug",
        )
    return FetchError(
        f"there is no folder '{wanted.folder}' in commit {wanted.commit[:12]}",
        where=where,
        remedy="correct the slug's path or 'path:', or name another ref",
    )


@contextlib.contextmanager
def _undoing(into: Path) -> Iterator[None]:
    there = into.exists()
    try:
        yield
    except BaseException:
        if not there:
            remove_tree(into)
        raise
