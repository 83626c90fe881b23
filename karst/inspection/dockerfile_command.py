"""The command of a Dockerfile, for karst's image or for the Dockerfile's own."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from karst.inspection.authored import authored
from karst.inspection.commands import place_of, use_dockerfile
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.imports import under
from karst.inspection.own_image import reason_for_own_image
from karst.inspection.packaging import Packaging
from karst.inspection.source import SourceTree
from karst.inspection.stages import Command, Stage, read_last_stage
from karst.inspection.translate import Place

RULE = "Dockerfile: the command of its last stage"
OWN = "Dockerfile: built as it is, for"
# Variables of the author's image that karst's image has ways of its own for.
_IMAGE_ONLY = ("PIP_", "UV_", "POETRY_", "PDM_", "PIPENV_", "LC_", "DEBIAN_", "PYTHON")
_IMAGE_NAMES = frozenset(
    {"PATH", "HOME", "LANG", "PORT", "VIRTUAL_ENV", "TERM", "SHELL", "USER"}
)


def from_dockerfile(
    tree: SourceTree,
    packaging: Packaging,
    path: str = "Dockerfile",
    *,
    context: str = "",
    target: str = "",
    command: Command | None = None,
    start: Command | None = None,
) -> tuple[Candidate, ...]:
    """Read the command of the Dockerfile at `path`; () where it declares none.

    Where the Dockerfile makes more than karst's image would, its own comes first.

    Args:
        context: the tree's folder that it is built from.
        command, start: what compose says instead of CMD and ENTRYPOINT.
    """
    stage = read_last_stage(tree.read(path) or "", target)
    if stage is None:
        return ()
    entry = start if start is not None else stage.entrypoint
    rest = command if command is not None else (None if start else stage.command)
    joined = _joined(entry, rest)
    if joined is None or _TESTS.search(
        " ".join([*joined] if isinstance(joined, list) else [joined])
    ):
        return ()
    own_words = [c for c in (entry, rest) if c in (stage.entrypoint, stage.command)]
    lines = {c.line: tree.evidence(path, c.line) for c in own_words if c and c.line}
    evidence = tuple(lines.values())
    place = _place(tree, stage, context)
    found = authored(tree, packaging, _without_help(joined), place, RULE, *evidence)
    reason = reason_for_own_image(stage)
    at_root = path == "Dockerfile" and not context
    own = _own(stage, joined, found, reason, evidence)
    if found is None:
        words = joined if isinstance(joined, list) else joined.split()
        idle = not words or words[0].rpartition("/")[2] in _IDLE
        return () if idle or not at_root else (own,)
    ports = [p for p in stage.ports if p < 65536]
    if found.port is None and found.protocol != "none" and len(ports) == 1:
        found = replace(found, port=ports[0])
    found = replace(
        found,
        python_path=found.python_path or _python_path(tree, stage, place),
        env=(*_variables(stage), *found.env),
    )
    return (own, found) if at_root and reason else (found,)


_TESTS = re.compile(
    r"\b(pytest|nosetests|tox|nox|unittest|(setup|manage)\.py test|make (-\S+ )*(tests?|check|lint))\b"
)
_IDLE = frozenset({"bash", "sh", "/bin/sh", "sleep", "tail", "true", "python3", "python", "python3.12"})  # fmt: skip


def _joined(entry: Command | None, rest: Command | None) -> list[str] | str | None:
    """ENTRYPOINT with CMD as its arguments; the shell form takes none."""
    if entry is None or not (entry.argv or entry.text):
        if rest is None:
            return None
        return list(rest.argv) if rest.argv else rest.text or None
    if not entry.argv:
        return entry.text
    return [*entry.argv, *(split(rest) if rest else ())]


def split(command: Command) -> list[str]:
    """Its words: a text is split as compose does it; [] for an open quote."""
    try:
        return list(command.argv) or shlex.split(command.text)
    except ValueError:
        return []


def _without_help(joined: list[str] | str) -> list[str] | str:
    """`CMD ["--help"]` says what a container without arguments does, not the service."""
    asks = (
        isinstance(joined, list) and len(joined) > 1 and joined[-1] in ("--help", "-h")
    )
    return joined[:-1] if asks else joined


def _place(tree: SourceTree, stage: Stage, context: str) -> Place:
    copies = {k: under(context, v) for k, v in stage.copies.items()}
    held = copies.get(stage.workdir)
    if held is None:
        outer = stage.workdir
        inner: list[str] = []
        while outer not in ("/", "") and outer not in copies:
            outer, _, last = outer.rpartition("/")
            inner.insert(0, last)
        held = under(copies.get(outer, context), "/".join(inner)) if outer in copies else context  # fmt: skip
    folder = held if tree.is_folder(held) else context
    files = {k: under(context, v) for k, v in stage.files.items()}
    return Place(folder, copies, stage.values, files)


def _python_path(tree: SourceTree, stage: Stage, place: Place) -> str:
    """PYTHONPATH, where it names a folder that holds the tree's files."""
    for path in stage.env.get("PYTHONPATH", "").split(":"):
        held = (c for c in place.copies if f"{path}/".startswith(f"{c}/"))
        outer = max(held, key=len, default=None)
        if path and outer not in (None, "/"):
            folder = under(
                place.copies[outer or ""], path[len(outer or "") :].strip("/")
            )
            if tree.is_folder(folder) and folder != place.folder:
                return place_of(folder)
    return ""


def _variables(stage: Stage) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in stage.env.items()
        if name not in _IMAGE_NAMES
        and not name.startswith(_IMAGE_ONLY)
        and "$" not in value
        and not value.startswith("/")
        and value.isprintable()
    )


def _own(
    stage: Stage,
    joined: list[str] | str,
    found: Candidate | None,
    reason: str,
    evidence: tuple[Evidence, ...],
) -> Candidate:
    """The Dockerfile's own image; what it starts is told as it is written."""
    argv = tuple(joined) if isinstance(joined, list) else ("sh", "-c", joined)
    rule = f"{OWN} {reason}" if reason else RULE
    own = use_dockerfile(rule, *evidence)
    port = next(iter(stage.ports), None)
    protocol = found.protocol if found else ("http" if port else None)
    if found and found.port and len(stage.ports) != 1:
        port = found.port
    return replace(
        own,
        command=argv,
        workdir=stage.workdir,
        port=None if protocol == "none" else port,
        protocol=protocol,
    )
