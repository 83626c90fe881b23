"""The sidecar image that this karst goes with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import karst
from karst.effects.engine import Engine
from karst.errors import EngineError

REPOSITORY = "karstkit/sidecar"
_PARTS = ("*.py", "*.txt", "Dockerfile")


def sidecar_tag() -> str:
    """`karstkit/sidecar:<12 hex>`: of everything that the image is built from.

    Equal sources, equal name: a new karst with an unchanged runner needs no new image.
    """
    folder = Path(karst.__file__).parent / "runner"
    digest = hashlib.sha256()
    for file in sorted(f for part in _PARTS for f in folder.glob(part)):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def have_sidecar_image(engine: Engine, image: str) -> None:
    """Pull the sidecar image where the engine lacks it; raises EngineError."""
    if engine.image(image) is not None:
        return
    try:
        engine.pull(image)
    except EngineError as error:
        raise EngineError(
            "the sidecar image is neither on the engine nor to be pulled",
            where=image,
            remedy="`make bootstrap` builds it; KARST_SIDECAR_IMAGE names another",
            detail=error.detail,
        ) from None


if __name__ == "__main__":
    print(sidecar_tag())
