"""What is wrong with a document: found one by one, told together, first one first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from karst.config.document import Document, Path, render_path
from karst.config.legible import legible
from karst.errors import ConfigError

_MORE = 9


@dataclass(frozen=True)
class Fault:
    """One thing wrong at `path`; `error` is the class it is raised as."""

    path: Path
    what: str
    remedy: str = ""
    error: type[ConfigError] = ConfigError


def raise_faults(faults: Sequence[Fault], document: Document) -> NoReturn:
    """Raise the fault that stands first in the file; its detail lists the others."""
    ordered = sorted(faults, key=lambda fault: document.position(fault.path))
    first, others = ordered[0], ordered[1:]
    lines = [
        f"also {place(document, fault.path)}: {legible(fault.what)}"
        for fault in others[:_MORE]
    ]
    if len(others) > _MORE:
        lines.append(f"and {len(others) - _MORE} more")
    raise first.error(
        legible(first.what),
        where=place(document, first.path),
        remedy=legible(first.remedy),
        detail="\n".join(lines),
    )


def place(document: Document, path: Path) -> str:
    """Return `repos.yaml:12 services[2].port` for the nearest thing that is written."""
    written = document.nearest(path)
    line, _ = document.position(written)
    return f"{document.source}:{line} {render_path(written)}".rstrip()
