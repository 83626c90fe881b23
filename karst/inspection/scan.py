"""Looks through a tree's Python files for programs, by syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from karst.inspection.commands import (
    DOTTED_NAME,
    is_function_name,
    place_of,
    run_file,
    run_function,
    run_module,
)
from karst.inspection.entrypoint import Candidate
from karst.inspection.source import SourceTree

# The names that servers and workers usually have, the likeliest first.
PROGRAM_NAMES = ("server", "app", "main", "run", "worker", "bot")
# Programs in here serve the repository, not its users.
SKIPPED_FOLDERS = frozenset(
    {
        "test",
        "tests",
        "testing",
        "doc",
        "docs",
        "example",
        "examples",
        "script",
        "scripts",
        "bench",
        "benchmark",
        "benchmarks",
        "build",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
        "__pycache__",
    }
)
_SKIPPED_FILES = frozenset({"setup.py", "conftest.py", "noxfile.py"})


@dataclass(frozen=True)
class Program:
    """A file that can be started; programs of equal `rank` are equally likely.

    `rank`: folders above the file, place among PROGRAM_NAMES, and whether the file
    does something only when it is called (1) or by itself (0).
    """

    candidate: Candidate
    rank: tuple[int, int, int]


def scan(tree: SourceTree, rule: str) -> tuple[Program, ...]:
    """Return the programs of `tree`, the likeliest first, ties by path."""
    found = []
    for path in tree.python_files(SKIPPED_FOLDERS):
        name = path.rpartition("/")[2]
        if name in _SKIPPED_FILES or name.startswith("test_"):
            continue
        if name.endswith("_test.py"):
            continue
        program = _program(tree, path, rule)
        if program is not None:
            found.append(program)
    return tuple(sorted(found, key=lambda p: p.rank))


def _program(tree: SourceTree, path: str, rule: str) -> Program | None:
    text = tree.read(path) or ""
    if "__main__" not in text and "def main" not in text:
        return None
    module = tree.parse(path)
    if module is None:
        return None
    guard = next(_guards(module), None)
    main = next(_mains(module), None)
    if guard is not None:
        candidate = _run(tree, path, rule, guard)
    elif main is not None:
        candidate = _call(tree, path, rule, main)
    else:
        return None
    stem = path.rpartition("/")[2].removesuffix(".py")
    name = PROGRAM_NAMES.index(stem) if stem in PROGRAM_NAMES else len(PROGRAM_NAMES)
    return Program(candidate, (path.count("/"), name, 0 if guard else 1))


def _guards(module: ast.Module) -> Iterator[ast.If]:
    """Top-level `if __name__ == "__main__"`, either way round."""
    for node in module.body:
        if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
            continue
        sides = [node.test.left, *node.test.comparators]
        names = [s.id for s in sides if isinstance(s, ast.Name)]
        texts = [s.value for s in sides if isinstance(s, ast.Constant)]
        equal = [type(operator) for operator in node.test.ops] == [ast.Eq]
        if equal and names == ["__name__"] and texts == ["__main__"]:
            yield node


def _mains(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    yield from (
        node
        for node in module.body
        if isinstance(node, functions) and node.name == "main"
    )


def _run(tree: SourceTree, path: str, rule: str, guard: ast.If) -> Candidate:
    """A file of a package runs as a module, others as the file they are."""
    evidence = tree.evidence(path, guard.lineno)
    module, python_path = importable(tree, path)
    packaged = tree.is_file(f"{path.rpartition('/')[0]}/__init__.py".lstrip("/"))
    if module and "/" in path and packaged:
        return run_module(module, rule, evidence, python_path=python_path)
    return run_file(path, rule, evidence)


def _call(
    tree: SourceTree,
    path: str,
    rule: str,
    main: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Candidate:
    evidence = tree.evidence(path, main.lineno)
    module, python_path = importable(tree, path)
    value = f"{module}:main"
    if not is_function_name(value):
        return run_file(path, rule, evidence)
    return run_function(
        value,
        rule,
        evidence,
        python_path=python_path,
        coroutine=isinstance(main, ast.AsyncFunctionDef),
    )


def importable(tree: SourceTree, path: str) -> tuple[str, str]:
    """Return a file's dotted name ("" for none) and the PYTHONPATH that it needs."""
    inner = path.removesuffix(".py").removesuffix("/__init__")
    source = inner.startswith("src/") and not tree.is_file("src/__init__.py")
    dotted = (inner.removeprefix("src/") if source else inner).replace("/", ".")
    if not DOTTED_NAME.fullmatch(dotted):
        return "", ""
    return dotted, place_of("src") if source else ""
