"""Shapes of the corpus, built, started and asked through the mesh, ports and all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveStack, MakeStack
from in_containers import inside

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SHAPES = Path(__file__).parent.parent / "corpus/shapes"
CALLER = "program-beside-helpers"  # needs the standard library only
ASK = """
import json, sys, urllib.request
found = {}
for url in sys.argv[1:]:
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            found[url] = [reply.status, reply.read().decode()]
    except Exception as error:
        found[url] = [0, repr(error)]
print(json.dumps(found))
"""


def _running() -> dict[str, dict[str, Any]]:
    """Shapes that run, with their expected answers."""
    found = {}
    for path in sorted(SHAPES.iterdir()):
        about = json.loads((path / "about.json").read_text())
        if "run" in about:
            expected = json.loads((path / "expected.json").read_text())
            found[path.name] = {**expected, **about["run"]}
    return found


RUNNING = _running()
WEB = [name for name, shape in RUNNING.items() if "get" in shape]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> LiveStack:
    made = make_stack()
    for name in RUNNING:
        shutil.copytree(SHAPES / name / "tree", made.folder / name)
    made.write([{"slug": f"file:./{name}"} for name in RUNNING])
    made.ok("deploy")
    return made


@pytest.fixture(scope="module")
def answers(stack: LiveStack) -> dict[str, tuple[int, str]]:
    urls = {
        n: f"http://{n}:{RUNNING[n]['port'] or 8000}{RUNNING[n]['get']}" for n in WEB
    }
    found = inside(stack, CALLER, ASK, *urls.values())
    return {name: tuple(found[url]) for name, url in urls.items()}


def test_enough_of_them_run() -> None:
    assert len(RUNNING) >= 15


@pytest.mark.parametrize("name", WEB)
def test_a_shape_answers_on_its_author_s_port(
    answers: dict[str, tuple[int, str]], name: str
) -> None:
    status, text = answers[name]
    assert status == 200, text
    assert name in text


def test_all_of_them_are_healthy_and_nothing_is_left_to_do(stack: LiveStack) -> None:
    assert stack.run("plan", "--detailed-exitcode").returncode == 0
