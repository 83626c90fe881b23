"""Local folders as a forge: `file:./path`, and `file:./path#ref` for a git repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from karst.config.legible import legible
from karst.config.slug import Slug
from karst.effects.process import Processes
from karst.effects.workspace import telling_full_disk, written_as
from karst.errors import FetchError
from karst.fetch.git import (
    Git,
    borrows,
    find_repository,
    resolve_commit,
    resolve_tree,
    write_tree,
)
from karst.fetch.local import (
    copy_files,
    hash_files,
    list_files,
    refuse_leaving_links,
    telling_unreadable,
    tidy_copy,
)
from karst.fetch.revision import Checkout, Revision, RevisionGoneError, inner_path


@dataclass(frozen=True)
class LocalForge:
    """Folders of this machine, relative to the folder of repos.yaml.

    Attributes:
        base: the folder of repos.yaml.
        within: where set, a folder outside of it is refused: on a request,
            repos.yaml is somebody else's text.
        leave_out: files (absolute) that are no part of a folder as it is: repos.yaml
            and its lock, or each edit of them would be a release of `file:.`.
    """

    base: Path
    processes: Processes
    within: Path | None = None
    leave_out: frozenset[Path] = frozenset()

    def resolve(self, slug: Slug, path: str = "") -> Revision:
        """Find the tree (and, for `#ref`, the commit) that `slug` means now."""
        folder, path = self._folder(slug), inner_path(path, where=str(slug))
        if slug.ref is None:
            source = self._inside(folder / path, slug, path)
            with telling_unreadable(str(slug)):
                tree = hash_files(source, self._files(source))
            return Revision(slug, path, None, tree)
        git = self._repository(folder, slug)
        commit = resolve_commit(git, slug.ref, where=str(slug))
        tree = resolve_tree(git, commit, path, where=str(slug))
        return Revision(slug, path, commit, tree, _root_tree(git, commit, slug))

    def fetch(self, revision: Revision, into: Path) -> Checkout:
        """Copy the revision's files into the new folder `into`.

        A local folder may have changed since `resolve`: the Checkout's tree is that
        of the copy.
        """
        slug = revision.slug
        folder = self._folder(slug)
        if revision.commit is not None:
            git, commit = self._repository(folder, slug), revision.commit
            if git.ask("cat-file", "-e", commit + "^{commit}") is None:
                raise RevisionGoneError(
                    f"the commit {commit[:12]} is not in this repository",
                    where=str(slug),
                    remedy="fetch it (`git fetch --unshallow` in a shallow clone), or pin another",
                )
            # Asked for anew: a pinned revision knows the tree of its root only.
            tree = resolve_tree(git, commit, revision.path, where=str(slug))
            root_tree = _root_tree(git, commit, slug)
            if revision.root_tree not in (None, root_tree):
                raise RevisionGoneError(
                    f"commit {commit[:12]} holds tree {root_tree[:12]}, not {str(revision.root_tree)[:12]}",
                    where=str(slug),
                    remedy="whoever pinned it has changed one of the two; pin it anew",
                )
            with telling_full_disk(into):
                paths = write_tree(git, tree, into, where=str(slug))
                refuse_leaving_links(into, paths, where=str(slug))
                tidy_copy(into, paths)
            return Checkout(into, tree, commit, root_tree)
        source = self._inside(folder / revision.path, slug, revision.path)
        with telling_unreadable(str(slug)):
            paths = self._files(source)
            copy_files(source, paths, into)
            refuse_leaving_links(into, paths, where=str(slug))
            tidy_copy(into, paths)
            return Checkout(into, hash_files(into, paths), None)

    def _files(self, source: Path) -> tuple[str, ...]:
        listed = list_files(source, self.processes)
        return tuple(
            path for path in listed if written_as(source / path) not in self.leave_out
        )

    def _folder(self, slug: Slug) -> Path:
        return self._inside(self.base / Path(slug.path).expanduser(), slug)

    def _inside(self, folder: Path, slug: Slug, path: str = "") -> Path:
        """Return the real path of `folder`; raises FetchError where it may not be."""
        real = _require_folder(folder, slug, path)
        if self.within and not real.is_relative_to(self.within.resolve()):
            raise FetchError(
                "the folder is outside of the workspace",
                where=str(slug),
                remedy="name a folder of this repository, or a repository at a forge",
            )
        return real

    def _repository(self, folder: Path, slug: Slug) -> Git:
        git = find_repository(folder, self.processes)
        if git is None:
            raise FetchError(
                "the folder is no git repository, so it has no refs",
                where=str(slug),
                remedy=f"leave '#{slug.ref}' out to take the files as they are",
            )
        if self.within and borrows(git, self.within):
            raise FetchError(
                "the repository takes its commits from outside of the workspace",
                where=str(slug),
                remedy="name a repository that has all of its own, or one at a forge",
            )
        return git


def _root_tree(git: Git, commit: str, slug: Slug) -> str:
    """The tree of the whole commit; a folder inside of a repository is its own root."""
    return resolve_tree(git, commit, "", where=str(slug))


def _require_folder(folder: Path, slug: Slug, path: str) -> Path:
    where = f"{slug} ({folder.absolute()})"
    remedy = "file: paths are relative to the folder of repos.yaml"
    if path:
        remedy = f"correct 'path: {legible(path)}'; it is relative to the folder that the slug names"
    try:
        if not folder.exists():
            raise FetchError("there is no such folder", where=where, remedy=remedy)
        if not folder.is_dir():
            raise FetchError("this is a file, not a folder", where=where, remedy=remedy)
    except OSError as error:
        raise FetchError(
            f"the folder can't be read: {error.strerror}",
            where=where,
            remedy="check its permissions and those of the folders above it",
        ) from error
    return folder.resolve()
