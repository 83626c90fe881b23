"""The folder that a build is given: the checkout, and karst's own files beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from karst.build.recipe import BuildRecipe
from karst.effects.workspace import telling_full_disk
from karst.fetch.revision import Checkout

# A checkout has none of these; this holds should one ever slip in.
_NEVER = "**/.git\n**/.karst\napp/secrets\n**/.env*\n"


def prepare_context(
    checkout: Checkout, recipe: BuildRecipe, into: Path, *, shim: str
) -> Path:
    """Lay out the build context in the new folder `into`; return the Dockerfile's path.

    For the repository's own Dockerfile the context is its files as they are; for
    karst's they lie in `app/`, so that no name of theirs means anything to a build.
    Files are linked, not copied, where the file system allows it; the checkout itself
    is not changed. Raises DiskFullError.
    """
    with telling_full_disk(into):
        tree = into if recipe.own else into / "app"
        source = checkout.root / recipe.folder
        shutil.copytree(source, tree, symlinks=True, copy_function=_link_or_copy)
        if recipe.own:
            return into / "Dockerfile"
        own = into / ".karst-build"
        own.mkdir()
        (own / "shim.py").write_text(shim)
        (own / "shim.py").chmod(0o644)
        (own / "Dockerfile").write_text(recipe.dockerfile)
        (into / ".dockerignore").write_text(_NEVER)
    return own / "Dockerfile"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
