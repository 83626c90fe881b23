"""Console scripts: which of them serves, and by which of its subcommands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from karst.errors import EntrypointError
from karst.inspection.commands import SCRIPT_NAME
from karst.inspection.entrypoint import Candidate
from karst.inspection.imports import imported_files, module_file
from karst.inspection.natures import Nature, dotted, nature_of
from karst.inspection.packaging import Packaging, Script, normalise
from karst.inspection.source import SourceTree

RULE = "1: [project.scripts]"
# Subcommands that serve, the likeliest first.
_SERVING = ("serve", "server", "webserver", "start", "run", "runserver", "run-server", "web", "api", "up", "launch", "bot", "daemon", "worker", "listen", "serve-http")  # fmt: skip
_MOST = 32
_GROUPS = ("group", "Group", "Typer", "AsyncTyper", "FlaskGroup", "MultiCommand")


@dataclass(frozen=True)
class Started:
    """A script, where its function stands, and what that does."""

    candidate: Candidate
    file: str | None
    nature: Nature | None
    helper: bool


def console_scripts(tree: SourceTree, packaging: Packaging) -> tuple[Started, ...]:
    """All scripts, the project's namesake first, helpers and broken ones last."""
    return tree.once("scripts", "", lambda _: _console_scripts(tree, packaging))


def _console_scripts(tree: SourceTree, packaging: Packaging) -> tuple[Started, ...]:
    found = [_started(tree, script) for script in packaging.scripts]
    name = normalise(packaging.name)
    return tuple(
        sorted(
            found,
            key=lambda s: (
                s.file is None,
                s.helper,
                normalise(s.candidate.setting) != name,
            ),
        )
    )


def _started(tree: SourceTree, script: Script) -> Started:
    if not SCRIPT_NAME.fullmatch(script.name):
        where = f"{script.evidence.file}:{script.evidence.line}"
        raise EntrypointError(
            f"{script.name!r} is no name for a script",
            where=f"{where} [project.scripts]",
            remedy="correct the name in its repository, or set 'entrypoint:' in repos.yaml",
        )
    module, _, function = script.target.partition(":")
    file = module_file(tree, module)
    if file is None:
        ending = module.replace(".", "/") + ".py"
        ends = [p for p in tree.files if p.endswith(f"/{ending}")]
        file = ends[0] if len(ends) == 1 else None
    nature = nature_of(tree, file) if file else None
    names = tuple(_subcommands(tree, file, function)) if file else ()
    serving = next((n for n in _SERVING if n in names), "")
    if names and nature is not None and nature.protocol == "none":
        nature = nature if serving else None
    value = f"{script.name} {serving}".strip()
    candidate = Candidate(
        "script",
        value,
        tuple(value.split()),
        RULE,
        (script.evidence, *([nature.evidence] if nature else [])),
        setting=script.name if not serving else "",
        port=nature.port if nature else None,
        protocol=nature.protocol if nature else None,
    )
    helper = bool(names) and not serving
    return Started(candidate, file, None if helper else nature, helper)


def _subcommands(tree: SourceTree, file: str, function: str) -> Iterator[str]:
    """Names of the subcommands, where the script is a group of them."""
    near = imported_files(tree, file)
    further = {f for path in near for f in imported_files(tree, path)} - near - {file}
    words = ("command(", "group(", "add_parser(", "Typer(", "add_command(")
    files = [
        path
        for path in [file, *sorted(near), *sorted(further)]
        if path == file or any(word in (tree.read(path) or "") for word in words)
    ][:_MOST]
    modules = [tree.parse(path) for path in files]
    first = modules[0]
    if first is None:
        return
    called = {function, *_called_by(first, function)}
    own = _group_names(first)
    if not (own & called or ("" in own and called - {function})) and not any(
        _group_names(module) & (called - {function}) for module in modules if module
    ):
        return
    for module in modules:
        for node in ast.walk(module) if module else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in node.decorator_list:
                    if dotted(decorator).rpartition(".")[2] == "command":
                        yield _command_name(node.name, decorator)
            elif isinstance(node, ast.Call) and dotted(node.func).endswith(
                (".add_parser", "add_command")
            ):
                for argument in node.args[:1]:
                    if isinstance(argument, ast.Constant):
                        yield str(argument.value)
                    elif isinstance(argument, ast.Name):
                        yield argument.id.removesuffix("_command").replace("_", "-")


def _called_by(module: ast.Module, function: str) -> set[str]:
    """Plain names that a function of the module calls: def main(): cli()."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            calls = (n for n in ast.walk(node) if isinstance(n, ast.Call))
            return {dotted(call.func) for call in calls} - {function}
    return set()


def _group_names(module: ast.Module) -> set[str]:
    """Names of groups of subcommands; "" where argparse or a bare call makes one."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            decorators = [dotted(d).rpartition(".")[2] for d in node.decorator_list]
            if any(name in _GROUPS for name in decorators):
                found.add(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if dotted(node.value.func).rpartition(".")[2] in _GROUPS:
                found |= {dotted(target) for target in node.targets}
        elif isinstance(node, ast.Attribute) and node.attr == "add_subparsers":
            found.add("")
    return found


def _command_name(function: str, decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        values = [k.value for k in decorator.keywords if k.arg == "name"]
        for value in [*decorator.args[:1], *values]:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return function.removesuffix("_command").removesuffix("_cmd").replace("_", "-")
