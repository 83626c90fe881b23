"""Inspect one folder or slug: fetch it, find how it starts, run nothing."""

from __future__ import annotations

from dataclasses import dataclass

from karst.build.base import read_python_wish
from karst.build.manifest import read_manifest
from karst.config.slug import Slug, parse_slug
from karst.effects.workspace import temporary_directory
from karst.inspection import Entrypoint, resolve_entrypoint
from karst.pipeline.naming import named
from karst.pipeline.sources import Sources

_PREFIXES = ("gh:", "gl:", "bb:", "file:")


@dataclass(frozen=True)
class Inspected:
    """How a slug starts, and of which commit (None: a folder as it is) and tree.

    `packaging` is the file that names the dependencies, `python` what it asks for.
    """

    slug: Slug
    commit: str | None
    tree: str
    entrypoint: Entrypoint
    packaging: str
    python: str


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
        with named(checkout.root, text):
            found = resolve_entrypoint(checkout.root, environment_override=override)
            project = checkout.root / found.folder
            own = found.kind == "dockerfile"
            kind = "Dockerfile" if own else read_manifest(project).kind
            wish = read_python_wish(project)
    python = wish.preferred or wish.specifiers
    return Inspected(slug, checkout.commit, checkout.tree, found, kind, python)
