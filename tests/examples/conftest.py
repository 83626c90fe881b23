"""The example's apps, ready to be started, and ended after the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_processes import Starter, make_starter


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """For apps that need the standard library only."""
    made = make_starter(tmp_path, Path(sys.executable).parent)
    yield made
    made.end_all()


@pytest.fixture(scope="module")
def installed_starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """For all apps, with what they depend on installed as each asks for it."""
    folder = tmp_path_factory.mktemp("shop")
    programs = folder / "venv" / "bin"
    made = make_starter(folder, programs)
    uv = Path(sys.executable).parent / "uv"
    install = [uv, "pip", "install", "--quiet", "--python", programs / "python"]
    sources = ["-r", "web/requirements.txt", "./api", "./pricing", "./worker"]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, "venv"],
        [*install, *sources, "-r", "migrate/pyproject.toml"],
    ):
        # A busy network or index answers late, not never.
        environ = {**os.environ, "UV_HTTP_TIMEOUT": "300"}
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    yield made
    made.end_all()
