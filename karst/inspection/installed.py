"""What only a Dockerfile installs: its `pip install` words, where no manifest names any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from posixpath import join, normpath
from typing import TypeVar

from karst.errors import EntrypointError
from karst.inspection.entrypoint import APP, Candidate
from karst.inspection.frameworks import ASIDE
from karst.inspection.imports import folder_of, under
from karst.inspection.packaging import Packaging, packaging_at, plain_requirement
from karst.inspection.shell import simple_commands
from karst.inspection.source import SourceTree
from karst.inspection.stages import Stage, read_last_stage

_C = TypeVar("_C", bound=Candidate)
_DOCKERFILE = re.compile(r"(.*/)?(Dockerfile[\w.-]*|[\w.-]+\.dockerfile|Containerfile)")
_LOCKS = ("uv.lock", "poetry.lock", "pylock.toml", "Pipfile.lock", "setup.py")
_FILE = "requirements.txt"
_NO_PART = frozenset({"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm"})
_VALUED = frozenset({"--root-user-action", "--timeout", "--retries", "--progress-bar"})
_ELSEWHERE = re.compile(r"-i|-f|(--index-url|--extra-index-url|--find-links)(=.*)?")
# Both come into a build's text: no marker, whose strings hold anything; no odd folder.
_PLAIN = re.compile(r"[A-Za-z0-9._\[\],<>=!~+*-]+", re.ASCII)
_PLAIN_FOLDER = re.compile(r"[A-Za-z0-9._/+-]+", re.ASCII)
_MOST = 60


def with_installed(tree: SourceTree, found: _C) -> _C:
    """`found` with what its author's image installs, where its folder names nothing.

    Plain requirements become `packages`; a requirements.txt at another place makes
    its folder the one that names the dependencies.
    """
    if found.kind == "dockerfile" or _names_any(tree, found.folder):
        return found
    names: dict[str, str] = {}
    folder = ""
    for path, stage in _stages(tree, found):
        for file, requirements in map(_by_pip, _commands(stage)):
            names |= requirements
            folder = folder or _folder_of_copy(tree, path, stage, file)
        if names or folder:
            break
    folder = folder or ("" if names else _only_one(tree))
    own = packaging_at(tree, found.folder).packaged
    folder = "" if own or not _PLAIN_FOLDER.fullmatch(folder) else folder
    if not names and not folder:
        return found
    there = packaging_at(tree, folder) if folder else Packaging()
    for text in found.packages:
        name, _ = plain_requirement(text)
        if not there.depends_on(name):
            names.setdefault(name, text)
    added = tuple(list(names.values())[:_MOST])
    return replace(found, packages=added, folder=folder or found.folder)


def _names_any(tree: SourceTree, folder: str) -> bool:
    if any(under(folder, name) in tree.files for name in _LOCKS):
        return True
    try:
        return bool(packaging_at(tree, folder).requires)
    except EntrypointError:  # of a broken file; what somebody named stands all the same
        return True


def _stages(tree: SourceTree, found: Candidate) -> Iterator[tuple[str, Stage]]:
    """The Dockerfile that speaks for the answer, else those that copy its folder."""
    files = sorted(f for f in tree.files if _DOCKERFILE.fullmatch(f))
    near = [f for f in files if f.count("/") <= 2 and ASIDE.isdisjoint(f.split("/"))]
    said = {evidence.file for evidence in found.evidence}
    folder = found.workdir.removeprefix(APP).strip("/")
    for path in sorted(near, key=lambda f: (f not in said, f.count("/"))):
        stage = read_last_stage(tree.read(path) or "")
        if stage is None:
            continue
        held = {
            under(c, v) for v in stage.copies.values() for c in ("", folder_of(path))
        }
        own = folder in held and (folder or "/" not in path)
        if path in said or own:
            yield path, stage


def _commands(stage: Stage) -> Iterator[list[str]]:
    for step in stage.steps:
        yield from simple_commands(step.replace("\\\n", " "))


def _by_pip(words: list[str]) -> tuple[str, dict[str, str]]:
    """The file and the plain requirements of one `pip install`."""
    rest = words[2:] if words[1:2] == ["-m"] else words
    rest = rest[1:] if rest[:1] == ["uv"] else rest
    program = rest[0].rpartition("/")[2] if rest else ""
    if not re.fullmatch(r"pip[\d.]*", program) or rest[1:2] != ["install"]:
        return "", {}
    if any(_ELSEWHERE.fullmatch(word) for word in rest):
        return "", {}
    file = ""
    found: dict[str, str] = {}
    pending = rest[2:]
    while pending:
        word = pending.pop(0)
        if word in ("-r", "--requirement") and pending:
            file = pending.pop(0)
        elif (
            word in ("-c", "--constraint", "-t", "--target", "-e", *_VALUED) and pending
        ):
            pending.pop(0)
        elif not word.startswith("-"):
            name, text = plain_requirement(word)
            plain = name and name not in _NO_PART and _PLAIN.fullmatch(text)
            found |= {name: text} if plain else {}
    return file, found


def _folder_of_copy(tree: SourceTree, path: str, stage: Stage, file: str) -> str:
    """The tree's folder of the requirements.txt that the image has at `file`."""
    origin = stage.files.get(normpath(join(stage.workdir, file))) if file else None
    for context in ("", folder_of(path)):
        copied = under(context, origin) if origin else ""
        if copied in tree.files and copied.endswith(f"/{_FILE}"):
            return folder_of(copied)
    return ""


def _only_one(tree: SourceTree) -> str:
    """The folder of the only requirements.txt, where it has nothing else of Python."""
    found = [f for f in tree.files if f.rpartition("/")[2] == _FILE]
    folder = folder_of(found[0]) if len(found) == 1 else ""
    beside = {folder_of(f) for f in tree.files if re.search(r"(?<!__init__)\.py$", f)}
    plain = ASIDE.isdisjoint(folder.split("/")) and folder not in beside
    return folder if plain and "/" not in folder else ""
