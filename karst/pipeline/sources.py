"""Where a slug's files come from: one way to each forge for a whole run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from karst.config.settings import Settings
from karst.config.slug import Slug
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.remote import Comparison, Forge
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

    Safe to use from several threads, which then share a forge's connections.
    """

    def __init__(
        self, local: Source, open_remote: Callable[[RemoteKind], Remote]
    ) -> None:
        self._local = local
        self._open_remote = open_remote
        self._remotes: dict[str, Remote] = {}
        self._guard = threading.Lock()

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
            if kind not in self._remotes:
                self._remotes[kind] = self._open_remote(kind)
            return self._remotes[kind]


def open_sources(
    settings: Settings,  # noqa: ARG001  (the forges are not wired yet)
    processes: Processes,
    base: Path,
    *,
    within: Path | None = None,
    leave_out: Iterable[Path] = (),
) -> Sources:
    """The sources that the settings describe.

    Args:
        base: the folder that `file:` paths are relative to.
        within: a folder that `file:` slugs may not leave, or None.
        leave_out: files that are no part of any folder: repos.yaml and its lock.
    """
    files = frozenset(path.parent.resolve() / path.name for path in leave_out)

    def open_remote(kind: RemoteKind) -> Remote:
        raise FetchError(
            f"this version fetches file: slugs only, not {kind}:",
            remedy="clone the repository beside repos.yaml and name it file:./folder",
        )

    return Sources(LocalForge(base, processes, within, files), open_remote)
