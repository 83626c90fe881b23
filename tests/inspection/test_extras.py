"""What an extra brings, when the command needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.inspection.packaging import read_packaging
from karst.inspection.source import SourceTree


@pytest.mark.parametrize(
    ("extra", "lacks"),
    [
        ('["gunicorn>=20.1", "whitenoise"]', ("gunicorn>=20.1", "whitenoise")),
        ('["whitenoise"]', ("gunicorn>=20.1,<27",)),
        # An option of the installer, an address, and what is no list.
        ('["--index-url=https://example.org", "Gunicorn"]', ("Gunicorn",)),
        ('["gunicorn @ https://example.org/g.zip"]', ("gunicorn>=20.1,<27",)),
        ('"gunicorn"', ("gunicorn>=20.1,<27",)),
    ],
)
def test_what_only_an_extra_brings_comes_with_the_rest_of_it(
    tmp_path: Path, extra: str, lacks: tuple[str, ...]
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f"[project]\nname = 'x'\n[project.optional-dependencies]\nserve = {extra}\n"
    )
    packaging = read_packaging(SourceTree(tmp_path))
    assert packaging.lacks("gunicorn>=20.1,<27") == lacks


def test_what_the_project_itself_brings_is_not_lacking(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname = 'x'\ndependencies = ['gunicorn']\n"
        "[project.optional-dependencies]\nserve = ['gunicorn', 'other']\n"
    )
    assert read_packaging(SourceTree(tmp_path)).lacks("gunicorn>=20.1") == ()


def test_an_optional_dependency_of_poetry_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\n"
        "gunicorn = {version = '^20', optional = true}\n"
    )
    assert read_packaging(SourceTree(tmp_path)).lacks("gunicorn>=20.1") == ("gunicorn",)
