"""A forge's repositories as checkouts: from the cache, by archive, or by a clone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from karst.config.slug import Slug
from karst.effects.process import Processes
from karst.effects.workspace import remove_tree
from karst.errors import FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.clone import Cloner
from karst.fetch.deadline import Deadline
from karst.fetch.remote import Forge
from karst.fetch.remote_commit import CommitFetch
from karst.fetch.remote_wanted import Step, Wanted
from karst.fetch.revision import Checkout, Revision, RevisionGoneError, inner_path
from karst.fetch.unpack_limits import Limits

_ID = re.compile(r"[0-9a-f]{40}")


def _say_nothing(_: Slug, __: Step) -> None:
    pass


@dataclass(frozen=True)
class RemoteSource:
    """The repositories of one forge; safe to use from several threads.

    Attributes:
        deadline: for all that is fetched by whoever shares it.
        offline: nothing but the cache is asked.
        ca_bundle: the CAs that git shall trust; None: as the caller's variables say.
        tell: called with the slug and what is tried for it now, from any thread.
    """

    forge: Forge
    cache: CheckoutCache
    processes: Processes
    deadline: Deadline = field(default_factory=Deadline)
    limits: Limits = field(default_factory=Limits)
    offline: bool = False
    tell: Callable[[Slug, Step], None] = _say_nothing
    ca_bundle: Path | None = None

    def resolve(self, slug: Slug, path: str = "") -> Revision:
        """Ask the forge what `slug` means now."""
        where = str(slug)
        inner = inner_path(path, where=where)
        self.deadline.check(where)
        if self.offline:
            raise FetchError(
                "nothing says which commit this is, and no forge may be asked",
                where=where,
                remedy="pin it by `karst lock` while there is a network, or unset KARST_OFFLINE",
            )
        found = self.forge.find_commit(slug.path, slug.ref)
        _check_id(found.commit, f"{self.forge.name}'s answer", where)
        if found.tree is not None:
            _check_id(found.tree, f"{self.forge.name}'s answer", where)
        tree = None if inner else found.tree
        return Revision(
            slug, inner, found.commit, tree, found.tree, repository=found.repository
        )

    def fetch(self, revision: Revision, into: Path) -> Checkout:
        """Put the revision's files into the new folder `into`.

        The whole commit is verified against its tree id, which comes from `revision`
        or, where that knows none, from the commit itself. The Checkout has both ids:
        that of the folder, and the commit's own.
        """
        where = str(revision.slug)
        commit = _check_id(revision.commit, "the revision", where)
        inner = inner_path(revision.path, where=where)
        root_tree = revision.root_tree or (None if inner else revision.tree)
        if root_tree is not None:
            _check_id(root_tree, "the revision", where)
        slug, repository = revision.slug, revision.repository or revision.slug.path
        wanted = Wanted(
            commit,
            root_tree,
            inner,
            lambda: self.forge.clone_access(repository),
            ref=slug.ref,
            repository=repository,
        )
        found = self._fetching(slug).run(wanted, into)
        if revision.tree not in (None, found.tree):
            remove_tree(into)
            raise RevisionGoneError(
                f"the folder '{inner}' of commit {commit[:12]} is tree {found.tree[:12]}, not {str(revision.tree)[:12]}",
                where=where,
                remedy="whoever pinned it has changed one of the two; pin it anew",
            )
        return Checkout(into, found.tree, commit, found.root_tree)

    def _fetching(self, slug: Slug) -> CommitFetch:
        return CommitFetch(
            self.forge,
            self.cache,
            Cloner(self.processes, self.deadline, self.limits, self.ca_bundle),
            self.offline,
            partial(self.tell, slug),
            str(slug),
        )


def _check_id(text: str | None, source: str, where: str) -> str:
    """Return a full SHA-1 object id; it becomes part of paths and of git's argv."""
    if text is None or not _ID.fullmatch(text):
        raise FetchError(
            f"{source} holds no full commit or tree id, but {str(text)[:80]!r}",
            where=where,
            remedy="karst fetches repositories with SHA-1 ids, as all forges have by default",
        )
    return text
