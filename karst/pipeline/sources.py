"""Where a slug's files come from: one way to each forge for a whole run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from karst.config.settings import Settings
from karst.config.slug import Slug
from karst.effects.clock import Clock
from karst.effects.process import Processes
from karst.effects.workspace import private_directory
from karst.fetch.cache import CheckoutCache
from karst.fetch.deadline import DEFAULT_SECONDS, Deadline
from karst.fetch.remote import Comparison, Forge
from karst.fetch.remote_source import RemoteSource
from karst.fetch.revision import Source
from karst.forges.local import LocalForge

RemoteKind = Literal["gh", "gl", "bb"]


@dataclass(frozen=True)
class Remote:
    """A forge's API, and the source of checkouts that asks it."""

    forge: Forge
    source: Source


class Sources:
    """The sources of one run, each opened when first asked for and then kept.

    Safe to use from several threads, which then share a forge's connections, and one
    end in time: `seconds` from when the first forge was opened.
    """

    def __init__(
        self,
        local: Source,
        open_remote: Callable[[RemoteKind, Deadline], Remote],
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._local = local
        self._open_remote = open_remote
        self._seconds = seconds
        self._deadline = Deadline(seconds)
        self._remotes: dict[str, Remote] = {}
        self._guard = threading.Lock()

    def begin(self) -> None:
        """Begin a run with all of its time; forges are opened anew."""
        with self._guard:
            self._remotes.clear()

    def stop(self) -> None:
        """End what is under way; until the next `begin` nothing is fetched."""
        with self._guard:
            self._deadline.stop.set()

    def of(self, slug: Slug) -> Source:
        """The source that has `slug`; raises FetchError, ConfigError."""
        return self._local if slug.forge == "file" else self._remote(slug.forge).source

    def compare(self, slug: Slug, old: str, new: str) -> Comparison | None:
        """The way from one commit to another; None for local folders."""
        if slug.forge == "file":
            return None
        return self._remote(slug.forge).forge.compare(slug.path, old, new)

    def _remote(self, kind: RemoteKind) -> Remote:
        with self._guard:
            if not self._remotes:
                self._deadline = Deadline(self._seconds)
            if kind not in self._remotes:
                self._remotes[kind] = self._open_remote(kind, self._deadline)
            return self._remotes[kind]


@dataclass(frozen=True)
class Places:
    """Where a run finds files, and where it keeps what it fetched.

    Attributes:
        base: the folder of repos.yaml, which `file:` paths are relative to.
        cache: the folder of fetched repositories and of forges' answers.
        within: a folder that `file:` slugs may not leave, or None.
        leave_out: files that are no part of any folder: repos.yaml and its lock.
    """

    base: Path
    cache: Path
    within: Path | None = None
    leave_out: tuple[Path, ...] = ()


def open_sources(
    settings: Settings,
    processes: Processes,
    places: Places,
    tell: Callable[[str], None] = lambda _: None,
) -> Sources:
    """The sources that the settings describe; nothing is asked before it is needed.

    Args:
        tell: called with a line of progress, from any thread.
    """
    left_out = frozenset(p.parent.resolve() / p.name for p in places.leave_out)
    local = LocalForge(places.base, processes, places.within, left_out)

    def open_remote(kind: RemoteKind, deadline: Deadline) -> Remote:
        from karst.forges.access import read_access
        from karst.forges.http_options import HttpOptions
        from karst.forges.open import open_forge

        environ = dict(processes.environ)
        if settings.ca_bundle:
            environ["KARST_CA_BUNDLE"] = str(places.base / settings.ca_bundle)
        http = HttpOptions(
            environ,
            private_directory(places.cache) / "answers",
            ends_at=Clock().monotonic() + deadline.remaining(),
        )
        forge = open_forge(kind, read_access(kind, settings.forges), http)
        source = RemoteSource(
            forge,
            CheckoutCache(places.cache, settings.cache_size),
            processes,
            deadline,
            offline=settings.offline,
            tell=lambda slug, step: tell(f"{slug}: {step}"),
            ca_bundle=places.base / settings.ca_bundle if settings.ca_bundle else None,
        )
        return Remote(forge, source)

    return Sources(local, open_remote, settings.fetch_seconds)
