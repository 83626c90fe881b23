"""Reading somebody's tree, from several threads."""

from __future__ import annotations

import ast
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from karst.inspection.source import parse_python


def test_two_threads_never_parse_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPython's parser is not safe against itself before 3.11.9 and 3.12.3."""
    inside = 0
    most = 0
    counting = threading.Lock()

    def parse(text: str) -> ast.Module:
        nonlocal inside, most
        with counting:
            inside += 1
            most = max(most, inside)
        time.sleep(0.01)
        with counting:
            inside -= 1
        return ast.Module(body=[], type_ignores=[])

    monkeypatch.setattr(ast, "parse", parse)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(parse_python, ["x = 1"] * 8))
    assert most == 1


def test_parsing_leaves_the_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(parse_python, ['x = "\\d"'] * 64))
    assert warnings.filters == before
