"""Projects in folders of a tree: a backend beside a frontend, or several apps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath

from karst.inspection.detect import detect, shift
from karst.inspection.entrypoint import Candidate
from karst.inspection.frameworks import ASIDE
from karst.inspection.source import SourceTree
from karst.inspection.stages import read_last_stage

_MANIFESTS = frozenset(
    {
        *("pyproject.toml", "requirements.txt", "setup.py", "Pipfile", "manage.py"),
        *("Dockerfile",),
    }
)
# Folders beside the program: they belong to it, or to no one's Python.
_BESIDE = re.compile(
    r"front-?end|client|ui|www|web-?(app|ui|client)?|static|nginx|proxy|traefik|db|database|"
    r"mongo(db)?|mysql|mariadb|postgres(ql)?|redis|rabbitmq|infra(structure)?|deploy(ment)?|"
    r"docker|terraform|k8s|kubernetes|helm|ansible|grafana|prometheus|monitoring|ops|ci|hooks|"
    r"\{\{.*",
    re.IGNORECASE,
)
# Of the languages that services are written in.
_SOURCE = re.compile(
    r"\.(py|ipynb|[cm]?[jt]sx?|vue|svelte|html?|java|kts?|scala|clj|groovy|go|rs|rb|php|cs|"
    r"fs|vb|exs?|erl|hs|swift|dart|lua|pl|jl|r|c|cc|cpp|zig|nim)$",
    re.IGNORECASE,
)
_MOST = 24


@dataclass(frozen=True)
class Subproject:
    """A folder that is a project of its own, and how it would start.

    `declared`: by its author's own word.
    """

    folder: str
    candidate: Candidate
    declared: bool


def subprojects(tree: SourceTree) -> tuple[Subproject, ...]:
    """Folders below the root that would start something, in order."""
    found = []
    ready: set[str] = set()
    for folder in list(_folders(tree))[:_MOST]:
        sub = SourceTree(tree.root / folder)
        detected = detect(sub)
        if not detected.best:
            continue
        best = detected.best[0]
        beside = any(_BESIDE.fullmatch(part) for part in folder.split("/"))
        image_only = best.kind == "dockerfile" or not sub.has_python()
        if image_only and (beside or not _builds_here(sub)):
            continue
        if not any(_SOURCE.search(path) for path in sub.files):
            ready.add(folder)
        found.append(Subproject(folder, shift(best, folder), detected.declared))
    # A ready server with its settings, such as a pooler, stands beside programs.
    programs = tuple(each for each in found if each.folder not in ready)
    return programs or tuple(found)


def _builds_here(sub: SourceTree) -> bool:
    """What its Dockerfile copies lies in its own folder, and not above it."""
    stage = read_last_stage(sub.read("Dockerfile") or "")
    paths = [normpath(path).strip("/") for path in stage.sources] if stage else []
    plain = [p for p in paths if p != "." and not set(p) & set("*?[$")]
    return all(p in sub.files or sub.is_folder(p) or sub.is_file(p) for p in plain)


def _folders(tree: SourceTree) -> Iterator[str]:
    """Folders with a manifest or a Dockerfile, the outermost only."""
    taken: set[str] = set()
    for path in sorted(tree.files, key=lambda p: (p.count("/"), p)):
        folder, _, name = path.rpartition("/")
        parts = folder.split("/")
        if not folder or name not in _MANIFESTS or len(parts) > 3:
            continue
        if not ASIDE.isdisjoint(parts):
            continue
        above = {"/".join(parts[:n]) for n in range(1, len(parts) + 1)}
        if taken.isdisjoint(above):
            taken.add(folder)
            yield folder
