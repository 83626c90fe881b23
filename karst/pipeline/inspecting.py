"""Inspect one folder or slug: fetch it, find how it starts, run nothing."""

from __future__ import annotations

from dataclasses import dataclass

from karst.config.slug import Slug, parse_slug
from karst.effects.workspace import temporary_directory
from karst.inspection import Entrypoint, resolve_entrypoint
from karst.pipeline.sources import Sources

_PREFIXES = ("gh:", "gl:", "bb:", "file:")


@dataclass(frozen=True)
class Inspected:
    """How a slug starts, and of which commit (None: a folder as it is) and tree."""

    slug: Slug
    commit: str | None
    tree: str
    entrypoint: Entrypoint


def inspect_slug(
    text: str, sources: Sources, *, override: str | None = None, path: str = ""
) -> Inspected:
    """Resolve the entrypoint of `text`: a slug, or a folder's plain path.

    Args:
        override: the variable ENTRYPOINT.
        path: a folder of the repository.
    """
    slug = parse_slug(text) if text.startswith(_PREFIXES) else Slug("file", text)
    source = sources.of(slug)
    revision = source.resolve(slug, path)
    with temporary_directory() as folder:
        checkout = source.fetch(revision, folder / "tree")
        found = resolve_entrypoint(checkout.root, environment_override=override)
    return Inspected(slug, checkout.commit, checkout.tree, found)
