"""Failures told under the name that somebody typed, not karst's own folder's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from karst.errors import KarstError


@contextmanager
def named(folder: Path, name: str) -> Iterator[None]:
    """Call `folder` `name` in errors; a file of it is `name, FILE`."""
    try:
        yield
    except KarstError as error:
        for own in sorted({str(folder), str(folder.resolve())}, key=len, reverse=True):
            error.where = _renamed(error.where, own, name, ", ")
            error.what = _renamed(error.what, own, name, "/")
            error.detail = _renamed(error.detail, own, name, "/")
        raise


def _renamed(text: str, own: str, name: str, between: str) -> str:
    return text.replace(f"{own}/", f"{name}{between}").replace(own, name)
