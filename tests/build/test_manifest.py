"""Which file names the dependencies, and how they are installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.build.manifest import Manifest, read_manifest
from karst.errors import BuildError

PROJECT = '[project]\nname = "x"\ndependencies = ["a"]\n'
BUILT = PROJECT + '[build-system]\nrequires = ["hatchling"]\n'
UV = "uv sync --frozen --no-dev --no-install-project --no-editable"
POETRY = "uvx --from 'poetry>=2,<3' --with 'poetry-plugin-export>=1.9,<2' poetry export --only main --format requirements.txt --output /tmp/requirements.txt && uv pip install --requirement /tmp/requirements.txt"
PYLOCK = "uv pip install --preview-features pylock --requirement pylock.toml"
PIPENV = "touch Pipfile && uvx --from 'pipenv>=2024' pipenv requirements --hash > /tmp/requirements.txt && uv pip install --requirement /tmp/requirements.txt"


def install(file: str) -> str:
    return f"uv pip install --requirement {file}"


@pytest.mark.parametrize(
    ("files", "manifest"),
    [
        ({}, Manifest("none")),
        (
            {"uv.lock": "", "pyproject.toml": PROJECT, "requirements.txt": "a"},
            Manifest("uv.lock", ("pyproject.toml", "uv.lock"), UV),
        ),
        (
            {"uv.lock": "", "pyproject.toml": BUILT},
            Manifest("uv.lock", ("pyproject.toml", "uv.lock"), UV, "alone"),
        ),
        (
            {
                "uv.lock": "",
                "pyproject.toml": BUILT + '[tool.uv.sources]\na = {path = "libs/a"}\n',
            },
            Manifest("uv.lock", (), UV, "alone"),
        ),
        (
            {"uv.lock": "", "pyproject.toml": BUILT + "[tool.uv]\npackage = false\n"},
            Manifest("uv.lock", ("pyproject.toml", "uv.lock"), UV),
        ),
        (
            {"poetry.lock": "", "pyproject.toml": BUILT, "requirements.txt": "a"},
            Manifest("poetry.lock", ("pyproject.toml", "poetry.lock"), POETRY, "alone"),
        ),
        (
            {"pylock.toml": "", "requirements.txt": "a"},
            Manifest("pylock.toml", ("pylock.toml",), PYLOCK),
        ),
        (
            {"requirements.txt": "a", "requirements-prod.txt": "b", "Pipfile.lock": ""},
            Manifest(
                "requirements", ("requirements.txt",), install("requirements.txt")
            ),
        ),
        (
            {"requirements-dev.txt": "", "requirements-prod.txt": ""},
            Manifest(
                "requirements",
                ("requirements-prod.txt",),
                install("requirements-prod.txt"),
            ),
        ),
        (
            {
                "requirements/prod.txt": "-r base.txt\n--constraint=../pins.txt",
                "requirements/base.txt": "a",
                "requirements/test.txt": "",
                "pins.txt": "",
            },
            Manifest(
                "requirements",
                ("requirements/base.txt",),
                install("requirements/base.txt"),
            ),
        ),
        (
            {
                "requirements.txt": "-r more.txt\n-c pins.txt # x",
                "more.txt": "a",
                "pins.txt": "",
            },
            Manifest(
                "requirements",
                ("more.txt", "pins.txt", "requirements.txt"),
                install("requirements.txt"),
            ),
        ),
        (
            {"requirements.txt": "-e ."},
            Manifest("requirements", (), install("requirements.txt")),
        ),
        (
            {"requirements.txt": "./lib"},
            Manifest("requirements", (), install("requirements.txt")),
        ),
        (
            {"requirements.txt": "."},
            Manifest("requirements", (), install("requirements.txt")),
        ),
        (
            {"requirements.txt": "x @ file:./lib"},
            Manifest("requirements", (), install("requirements.txt")),
        ),
        (
            {"requirements.txt": "-r ../../etc/passwd"},
            Manifest("requirements", (), install("requirements.txt")),
        ),
        (
            {"requirements.txt": "a", "pyproject.toml": BUILT},
            Manifest(
                "requirements",
                ("requirements.txt",),
                install("requirements.txt"),
                "with dependencies",
            ),
        ),
        (
            {"Pipfile.lock": "", "pyproject.toml": PROJECT},
            Manifest("Pipfile.lock", ("Pipfile.lock",), PIPENV),
        ),
        (
            {"pyproject.toml": PROJECT},
            Manifest("pyproject.toml", ("pyproject.toml",), install("pyproject.toml")),
        ),
        (
            {"pyproject.toml": PROJECT + '[project.scripts]\nx = "x:y"\n'},
            Manifest(
                "pyproject.toml",
                ("pyproject.toml",),
                install("pyproject.toml"),
                "alone",
            ),
        ),
        (
            {"pyproject.toml": '[project]\nname = "x"\n[build-system]\n'},
            Manifest("pyproject.toml", (), "", "alone"),
        ),
        (
            {
                "pyproject.toml": '[build-system]\n[project]\nname="x"\ndynamic = ["dependencies"]\n'
            },
            Manifest("pyproject.toml", (), "", "with dependencies"),
        ),
        ({"setup.py": ""}, Manifest("setup.py", (), "", "with dependencies")),
        (
            {"setup.py": "", "pyproject.toml": "[tool.black]\n"},
            Manifest("setup.py", (), "", "with dependencies"),
        ),
        ({"pyproject.toml": "[tool.black]\n"}, Manifest("none")),
        ({"requirements-$(id).txt": "a"}, Manifest("none")),
    ],
)
def test_every_kind(tmp_path: Path, files: dict[str, str], manifest: Manifest) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert read_manifest(tmp_path) == manifest


def test_a_script_needs_the_project_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    assert read_manifest(tmp_path, needs_project=True).project == "alone"


def test_a_broken_pyproject_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(BuildError, match=r"pyproject\.toml can't be read"):
        read_manifest(tmp_path)
