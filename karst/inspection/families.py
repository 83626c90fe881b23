"""To which family of servers an application belongs, through the functions that make it."""

from __future__ import annotations

import ast
import re

from karst.inspection.frameworks import OBJECTS, Family
from karst.inspection.imports import files_of, imported_names
from karst.inspection.natures import dotted
from karst.inspection.source import SourceTree

FACTORY = re.compile(
    r"(create|make|build|get|init|setup)_?(fastapi_|flask_|web_)?(app|application|server|api)"
    r"|app_factory|application_factory|app|application"
)
# What an application is made by, wherever it is: FACTORY's names have it, too.
FACTORY_NAME = re.compile(r"app|application|server|api", re.IGNORECASE)


def known_names(tree: SourceTree, path: str) -> dict[str, tuple[str, str]]:
    """Imported names, with those that a star brings of a framework."""
    found = dict(imported_names(tree, path))
    if "*" in found:
        source = found["*"][0]
        for (module, name), _ in OBJECTS.items():
            if source.partition(".")[0] == module:
                found.setdefault(name, (source, name))
    return found


def origin(known: dict[str, tuple[str, str]], call: ast.Call) -> tuple[str, str]:
    """The module and name of what is called, ("", "") where it is not imported."""
    head, _, rest = dotted(call.func).partition(".")
    module, name = known.get(head, ("", ""))
    if not name:
        return (module, rest.rpartition(".")[2]) if module and rest else ("", "")
    if rest:  # from aiohttp import web; web.Application()
        return module, rest.rpartition(".")[2]
    return module, name


def family_of(known: dict[str, tuple[str, str]], call: ast.Call) -> Family | None:
    module, name = origin(known, call)
    for start in (module, module.partition(".")[0]):
        if (start, name) in OBJECTS:
            return OBJECTS[start, name]
    return None


def family_by_factory(
    tree: SourceTree, path: str, known: dict[str, tuple[str, str]], call: ast.Call
) -> Family | None:
    """The family of `app = create_app()`, where that function is of the tree."""
    name = dotted(call.func).rpartition(".")[2]
    if not FACTORY_NAME.search(name):
        return None
    return _family_of_function(tree, path, dotted(call.func), known, 0)


def _family_of_function(
    tree: SourceTree,
    path: str,
    called: str,
    known: dict[str, tuple[str, str]],
    hops: int,
) -> Family | None:
    head, _, rest = called.partition(".")
    name = rest or head
    module = tree.parse(path)
    if module is None or hops > 3:
        return None
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name and not rest:
            return made_by(tree, path, node, known, hops)
    source, original = known.get(head, ("", ""))
    if not source:
        return None
    wanted = rest or original
    for file in files_of(tree, path, source, original):
        other = tree.parse(file)
        if other is not None and file != path:
            found = _family_of_function(
                tree, file, wanted or name, known_names(tree, file), hops + 1
            )
            if found:
                return found
    return None


def made_by(
    tree: SourceTree,
    path: str,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    known: dict[str, tuple[str, str]],
    hops: int,
) -> Family | None:
    """The family of the application that a function makes, itself or by another."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for call in calls:
        if family := family_of(known, call):
            return family
    for call in calls:
        name = dotted(call.func)
        if name != function.name and FACTORY.fullmatch(name.rpartition(".")[2]):
            found = _family_of_function(tree, path, name, known, hops + 1)
            if found:
                return found
    return None
