"""Entrypoints that somebody names: in repos.yaml, by a variable, or by a label."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from karst.errors import EntrypointError
from karst.inspection.applications import application_in, serve
from karst.inspection.commands import (
    DOTTED_NAME,
    is_function_name,
    run_command,
    run_file,
    run_function,
    run_module,
    run_script,
)
from karst.inspection.dockerfile import label
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.packaging import Packaging, packaging_at
from karst.inspection.scan import importable
from karst.inspection.source import SourceTree
from karst.inspection.translate import lacking

DECLARED = "entrypoint: in repos.yaml"
VARIABLE = "the variable ENTRYPOINT"
LABEL = "LABEL ENTRYPOINT in the Dockerfile"
_REMEDY = "write module:function, a module, a .py file, a console script, or a list of words for a command"


def from_setting(
    tree: SourceTree, setting: str | tuple[str, ...], rule: str
) -> Candidate:
    """Read `setting` as a command (a tuple) or a name; raises EntrypointError."""
    if isinstance(setting, tuple):
        if not setting or any("\0" in word for word in setting) or not setting[0]:
            raise EntrypointError("the command is empty", where=rule, remedy=_REMEDY)
        packages = lacking(list(setting), _packaging(tree))
        return replace(run_command(setting, rule), packages=packages)
    return _from_name(tree, setting.strip(), rule, Evidence(rule, 0, setting))


def from_label(tree: SourceTree) -> Candidate | None:
    """Read LABEL ENTRYPOINT of the tree's Dockerfile; None where there is none."""
    found = label(tree.read("Dockerfile") or "", "ENTRYPOINT")
    if found is None:
        return None
    value, line = found
    return _from_name(tree, value.strip(), LABEL, tree.evidence("Dockerfile", line))


def _from_name(tree: SourceTree, name: str, rule: str, evidence: Evidence) -> Candidate:
    if is_function_name(name):
        return _function(tree, name, rule, evidence)
    if name.endswith(".py"):
        if not tree.is_file(name) or name.startswith("/"):
            raise EntrypointError(
                f"there is no file '{name}'", where=rule, remedy=_REMEDY
            )
        return run_file(name, rule, evidence)
    if name in {script.name for script in _packaging(tree).scripts}:
        return run_script(name, rule, evidence)
    if DOTTED_NAME.fullmatch(name):
        place = _find_module(tree, f"{name}.__main__") or _find_module(tree, name)
        if place is None or place.endswith("/__init__.py"):
            what = (
                f"the package '{name}' has no __main__.py"
                if place
                else f"there is no module and no script '{name}'"
            )
            raise EntrypointError(what, where=rule, remedy=_REMEDY)
        return run_module(name, rule, evidence, python_path=importable(tree, place)[1])
    raise EntrypointError(f"'{name}' is no entrypoint", where=rule, remedy=_REMEDY)


def _function(tree: SourceTree, name: str, rule: str, evidence: Evidence) -> Candidate:
    """Check what can be: a module of the tree must be there and bind the name.

    A module that is not the tree's may come with a dependency.
    """
    module, _, function = name.partition(":")
    place = _find_module(tree, module)
    first = function.partition(".")[0]
    if place is None:
        top = module.partition(".")[0]
        if "." in module and _find_module(tree, top):
            raise EntrypointError(
                f"there is no module '{module}'", where=rule, remedy=_REMEDY
            )
        return run_function(name, rule, evidence)
    application = application_in(tree, place, function)
    if application is not None:
        packaging = _packaging(tree)
        served = serve(tree, application, packaging, module=module)
        return replace(served, rule=rule, evidence=(evidence, *served.evidence))
    parsed = tree.parse(place)
    bound = {} if parsed is None else dict(_bound_names(parsed))
    known = first in bound or "*" in bound or _find_module(tree, f"{module}.{first}")
    if parsed is not None and not known:
        raise EntrypointError(
            f"'{first}' is not defined in {place}",
            where=rule,
            remedy=f"name a function that {place} has",
        )
    return run_function(
        name,
        rule,
        evidence,
        python_path=importable(tree, place)[1],
        coroutine=isinstance(bound.get(function), ast.AsyncFunctionDef),
    )


def _packaging(tree: SourceTree) -> Packaging:
    """What the project says, as far as it can be read: an override stands without."""
    try:
        return packaging_at(tree, "")
    except EntrypointError:
        return Packaging()


def _find_module(tree: SourceTree, module: str) -> str | None:
    inner = module.replace(".", "/")
    for folder in ("", "src/"):
        for path in (f"{folder}{inner}.py", f"{folder}{inner}/__init__.py"):
            if tree.is_file(path):
                return path
    return None


def _bound_names(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Names that the module binds outside of functions; "*" where that is open."""
    pending: list[ast.AST] = [module]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ("*" if node.name == "__getattr__" else node.name), node
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name.partition(".")[0]), node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node
        pending.extend(ast.iter_child_nodes(node))
