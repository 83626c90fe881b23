"""Inspect one folder or slug: fetch it, find how it starts, run nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karst.config.slug import Slug, parse_slug
from karst.effects.process import Processes
from karst.effects.workspace import temporary_directory
from karst.errors import FetchError
from karst.forges.local import LocalForge
from karst.inspection import Entrypoint, resolve_entrypoint


def inspect_slug(text: str, base: Path, environ: Mapping[str, str]) -> Entrypoint:
    """Resolve the entrypoint of `text`: a slug, or a folder's plain path."""
    prefixes = ("gh:", "gl:", "bb:", "file:")
    slug = parse_slug(text) if text.startswith(prefixes) else Slug("file", text)
    forge = forge_of(slug, base, environ)
    revision = forge.resolve(slug)
    with temporary_directory() as folder:
        checkout = forge.fetch(revision, folder / "tree")
        return resolve_entrypoint(
            checkout.root, environment_override=environ.get("ENTRYPOINT") or None
        )


def forge_of(
    slug: Slug, base: Path, environ: Mapping[str, str], *, within: Path | None = None
) -> LocalForge:
    """The forge that a slug belongs to; a local one stays below `within`."""
    if slug.forge != "file":
        raise FetchError(
            f"this version fetches file: slugs only, not {slug.forge}:",
            where=str(slug),
            remedy="clone the repository beside repos.yaml and name it file:./folder",
        )
    return LocalForge(base, Processes(environ), within)
