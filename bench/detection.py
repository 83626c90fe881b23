"""How a tree starts, found in process: time by tree size, beside reading its files."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import karst
from bench.figures import Figure, Pair, at_most, ours_of, ratio_of, theirs_of
from bench.options import Options
from karst.errors import EntrypointError
from karst.inspection import resolve_entrypoint

TITLE = "detection: resolve_entrypoint in process / reading every file of the tree"
_GOAL_FILES, _GOAL_SECONDS = 2000, 0.1
_DOCKERFILE = 'FROM python:3.11\nCOPY . .\nCMD ["uvicorn", "part_0.app:app"]\n'
_OBJECT = "from fastapi import FastAPI\n\napp = FastAPI()\n"
_LIBRARY = "[project]\nname = 'part-0'\n[build-system]\nrequires = []\n"


def measure(options: Options) -> Iterator[Figure]:
    for size in options.tree_sizes:
        for shape, files in (
            ("declared", {"Dockerfile": _DOCKERFILE, "part_0/app.py": _OBJECT}),
            ("an object", {"part_0/app.py": _OBJECT}),
            ("a library", {"pyproject.toml": _LIBRARY}),
        ):
            tree = _tree(options.scratch / "detection", size, files)
            pairs = [
                Pair(_seconds(_resolve, tree), _seconds(_read, tree))
                for _ in range(options.plan_pairs)
            ]
            ours = ours_of(pairs)
            is_goal = size == _GOAL_FILES
            yield Figure(
                f"{size} files, {shape}",
                ratio_of(pairs),
                f"karst {ours * 1000:.0f} ms, reading {theirs_of(pairs) * 1000:.0f} ms",
                f"<= {_GOAL_SECONDS * 1000:.0f} ms" if is_goal else "",
                at_most(ours, _GOAL_SECONDS, "s") if is_goal else "",
                [p.__dict__ for p in pairs],
            )
            shutil.rmtree(tree)


def _resolve(tree: Path) -> None:
    with contextlib.suppress(EntrypointError):
        resolve_entrypoint(tree)


def _read(tree: Path) -> None:
    for path in tree.rglob("*"):
        if path.is_file():
            path.read_bytes()


def _seconds(work: Callable[[Path], None], tree: Path) -> float:
    began = time.perf_counter()
    work(tree)
    return time.perf_counter() - began


def _tree(root: Path, size: int, files: dict[str, str]) -> Path:
    """A tree of `size` files: karst's own sources over and over, in packages of 20."""
    own = sorted(Path(karst.__file__).parent.rglob("*.py"))
    texts = [path.read_text() for path in own if path.stat().st_size]
    for number in range(size - len(files)):
        folder = root / f"part_{number // 20}"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"piece_{number % 20}" if number % 20 else "__init__"
        (folder / f"{name}.py").write_text(texts[number % len(texts)])
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
