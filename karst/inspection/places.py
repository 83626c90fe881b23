"""Folders of a tree: where a command's module lies, and where its dependencies are named."""

from __future__ import annotations

import re
from dataclasses import replace
from posixpath import join, normpath

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import APP
from karst.inspection.imports import folder_of, module_file, under
from karst.inspection.servers import recognise
from karst.inspection.source import SourceTree
from karst.inspection.translate import Place, relocated

_MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile")


def manifest_folder(tree: SourceTree, folder: str) -> str:
    """The nearest folder, from `folder` upwards, that names dependencies."""
    while folder:
        if any(under(folder, name) in tree.files for name in _MANIFESTS):
            return folder
        folder = folder_of(folder)
    return ""


def moved(tree: SourceTree, place: Place, folder: str) -> Place:
    """The place after `cd folder`, where the tree has it."""
    path = relocated(folder, place)
    if path == APP or path.startswith(f"{APP}/"):
        path = path.removeprefix(APP).strip("/")
    elif folder.startswith("/"):
        path = ""
    else:
        path = normpath(join(place.folder, folder or "."))
        path = "" if path == "." else path
    return replace(place, folder=path) if tree.is_folder(path) else place


def python_path_of(tree: SourceTree, place: Place, words: list[str]) -> str:
    """src/ where the command names a module that only that folder has."""
    if place.folder:
        return ""
    for word in words[1:]:
        match = re.fullmatch(r"([A-Za-z_][\w.]*)(:\w[\w.()]*)?", word)
        path = module_file(tree, match[1]) if match else None
        if path:
            return place_of("src") if path.startswith("src/") else ""
    return ""


def home_of_module(tree: SourceTree, place: Place, words: list[str]) -> Place | None:
    """Where `module:object` of a server is importable: the folder that has it.

    None where no file of the tree could be that module.
    """
    for word in words[1:]:
        match = re.fullmatch(r"([A-Za-z_][\w.]*):\w[\w.()]*", word)
        if match is None:
            continue
        inner = match[1].replace(".", "/")
        names = (f"{inner}.py", f"{inner}/__init__.py")
        if any(under(place.folder, name) in tree.files for name in names):
            return place
        if module_file(tree, match[1]):
            return place  # below src/
        homes = {
            path[: -len(name)].strip("/")
            for name in names
            for path in tree.files
            if path.endswith(f"/{name}") and path.count("/") <= name.count("/") + 2
        }
        if len(homes) == 1:
            return replace(place, folder=homes.pop())
        if recognise(words)[0] in ("uvicorn", "gunicorn", "hypercorn", "granian"):
            return None
    return place
