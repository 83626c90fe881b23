"""Where a service comes from: a repository to build, or an image to run as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from karst.config.checks.written import WrittenService
from karst.config.faults import Fault

_BUILD_KEYS = ("path", "entrypoint", "detection", "build")
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?/)?"
_IMAGE = re.compile(
    rf"{_HOST}{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@sha256:[0-9a-f]{64})?"
)


def image_name(image: str) -> str:
    """Return `postgres` for `registry.example/library/postgres:17@sha256:...`."""
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]


def check_source(service: WrittenService) -> Iterator[Fault]:
    model = service.model
    if (model.slug is None) == (model.image is None):
        found = "neither is" if model.slug is None else "both are"
        yield service.fault(
            f"a service has a slug or an image, {found} given",
            "write 'slug: gh:owner/repo' or 'image: postgres:17'",
        )
        return
    if model.image is not None:
        yield from _check_image(service, model.image)
    if model.path is not None and not _is_inside(model.path):
        yield service.fault(
            f"'{model.path}' is no folder inside the repository",
            "write it relative to the repository's root, such as services/api",
            "path",
        )
    if isinstance(model.entrypoint, str) and not model.entrypoint.strip():
        yield service.fault(
            "the entrypoint is blank", "write it as api.main:run", "entrypoint"
        )


def _check_image(service: WrittenService, image: str) -> Iterator[Fault]:
    if len(image) > 512 or not _IMAGE.fullmatch(image):
        yield service.fault(
            f"'{image}' is no image",
            "write it as postgres:17 or registry.example:5000/team/db@sha256:<64 digits>",
            "image",
        )
    for key in _BUILD_KEYS:
        if getattr(service.model, key) is not None:
            yield service.fault(
                f"'{key}' goes with 'slug', for an image is run as it is",
                f"remove '{key}', or write 'slug' in place of 'image'",
                key,
            )


def _is_inside(path: str) -> bool:
    folder = PurePosixPath(path)
    return not folder.is_absolute() and ".." not in folder.parts
