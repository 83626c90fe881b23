"""Who knows a forge's name: one model, one renderer, and a room for each forge's ways."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "karst"
_NAME = re.compile("github|gitlab|bitbucket", re.IGNORECASE)
# The job's facts, inputs, the grammar of slugs, the forges themselves; the parts of the
# report that only one of them reads; and where the step is put together.
_KNOWING = ("context/", "config/", "fetch/", "forges/")
_RENDERERS = ("report/github.py", "report/gitlab.py", "report/__init__.py")
_COMPOSITION = re.compile(r"cli/step\w*\.py")


def _knows(path: str) -> bool:
    known = path.startswith(_KNOWING) or path in _RENDERERS
    return known or _COMPOSITION.fullmatch(path) is not None


def _words(tree: ast.AST) -> Iterator[str]:
    """Every name and text of a module, without its documentation."""
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in told:
                yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.alias | ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def test_only_some_rooms_know_a_forge_s_name() -> None:
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        if not _knows(path):
            words = [w for w in _words(ast.parse(file.read_text())) if _NAME.search(w)]
            if words:
                found[path] = words
    assert found == {}


def test_the_search_sees_names_texts_and_imports() -> None:
    source = '"""GitHub."""\nfrom a.gitlab import b\nc = "github-token"\nd.github(e)\n'
    found = [w for w in _words(ast.parse(source)) if _NAME.search(w)]
    assert sorted(found) == ["a.gitlab", "github", "github-token"]
