"""RepoLock: which commit, tree and base image each service stands for.

A plan is made of one and gives one back, so repos.lock and a plan's receipt pin by the
same value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from karst.config.slug import Slug
from karst.config.spec import ServiceSpec
from karst.fetch.revision import Revision, inner_path


@dataclass(frozen=True)
class LockedBase:
    """A base image as it was chosen.

    Attributes:
        reference: its name, "python:3.12-slim".
        python: its Python, "3.12".
        digest: a registry's digest, or "" where none gave one.
        image_id: then the id that one engine knew it by, else "".
    """

    reference: str
    python: str
    digest: str = ""
    image_id: str = ""


@dataclass(frozen=True)
class LockEntry:
    """One service, pinned. Either `slug` or `image` says where it comes from.

    Attributes:
        service: its name in repos.yaml.
        slug, path: as written there.
        commit: the full commit id.
        tree: git's tree id of the commit's root, whatever `path` is.
        entrypoint: how it started when it was locked, for readers.
        base: the base image; None for images that karst's template does not make.
        image: a ready image, as written.
        digest: that image's digest, "" where none is known: then it is not pinned.
        resolved: when that was so: RFC 3339, UTC, whole seconds.
    """

    service: str
    slug: Slug | None = None
    path: str = ""
    commit: str = ""
    tree: str = ""
    entrypoint: str = ""
    base: LockedBase | None = None
    image: str = ""
    digest: str = ""
    resolved: str = ""

    @property
    def revision(self) -> Revision:
        """What to fetch; raises ValueError for an image, FetchError for a bad path."""
        if self.slug is None:
            raise ValueError(self.image)
        path = inner_path(self.path, where=str(self.slug))
        tree = None if path else self.tree
        return Revision(self.slug, path, self.commit, tree, self.tree)

    @property
    def pinned_image(self) -> str:
        """The image's reference with its digest, once."""
        if not self.digest or "@" in self.image:
            return self.image
        return f"{self.image}@{self.digest}"

    def answers(self, spec: ServiceSpec) -> bool:
        """Say whether this is what `spec` asks for, whatever its name."""
        if spec.image is not None:
            return self.image == spec.image
        return self.slug == spec.slug and self.path == spec.path


@dataclass(frozen=True)
class RepoLock:
    """Entries, sorted by service; names are unique."""

    entries: tuple[LockEntry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[LockEntry]) -> RepoLock:
        return cls(tuple(sorted(entries, key=lambda entry: entry.service)))

    def find(self, spec: ServiceSpec) -> LockEntry | None:
        """The entry that pins `spec`: its own, else one of the same slug and path.

        So a service that only changed its name keeps its commit.
        """
        fit = [entry for entry in self.entries if entry.answers(spec)]
        own = [entry for entry in fit if entry.service == spec.name]
        return next(iter(own or fit), None)

    def without(self, services: Iterable[str]) -> RepoLock:
        """The lock with these services set free, and whoever shares their entries."""
        names = set(services)
        freed = {(e.slug, e.path, e.image) for e in self.entries if e.service in names}
        return RepoLock(
            tuple(e for e in self.entries if (e.slug, e.path, e.image) not in freed)
        )

    def kept_from(self, old: RepoLock) -> RepoLock:
        """This lock, with the times of `old` where nothing else has changed."""
        before = {entry.service: entry for entry in old.entries}
        return RepoLock(
            tuple(
                replace(entry, resolved=past.resolved)
                if (past := before.get(entry.service))
                and replace(past, resolved="") == replace(entry, resolved="")
                else entry
                for entry in self.entries
            )
        )


def is_pinnable(spec: ServiceSpec) -> bool:
    """Say whether `spec` names something that a lock can hold still.

    A folder as it is can't be: it is the workspace's own files.
    """
    slug = spec.slug
    return slug is None or slug.forge != "file" or slug.ref is not None
