"""Which Python, and which base image has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from karst.build import (
    BaseImage,
    BasePin,
    PythonWish,
    choose_base,
    engine_lookups,
    read_python_wish,
)
from karst.effects.engine_facts import ImageFacts
from karst.errors import BuildError

ID = BasePin("sha256:1d", False)
DIGEST = BasePin("sha256:d1", True)


def having(pin: BasePin, *versions: str) -> Callable[[str], BasePin | None]:
    names = {f"python:{version}-slim" for version in versions}
    return lambda reference: pin if reference in names else None


@pytest.mark.parametrize(
    ("files", "wish"),
    [
        ({}, PythonWish()),
        ({".python-version": "# why\n3.12.4\n3.11\n"}, PythonWish("3.12")),
        ({".python-version": "cpython-3.10"}, PythonWish("3.10")),
        ({".python-version": "pypy3.9\n"}, PythonWish()),
        (
            {"pyproject.toml": '[project]\nrequires-python = ">=3.11"\n'},
            PythonWish(None, ">=3.11"),
        ),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.10"\n'},
            PythonWish(None, ">=3.10,<4"),
        ),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.10.2"\n'},
            PythonWish(None, ">=3.10.2,<3.11"),
        ),
        (
            {"pylock.toml": 'lock-version = "1.0"\nrequires-python = ">=3.12"\n'},
            PythonWish(None, ">=3.12"),
        ),
        ({"pyproject.toml": "project = 3\n[tool]\npoetry = 1\n"}, PythonWish()),
        ({"pyproject.toml": "[broken\n"}, PythonWish()),
    ],
)
def test_what_a_repository_asks_for(
    tmp_path: Path, files: dict[str, str], wish: PythonWish
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert read_python_wish(tmp_path) == wish


@pytest.mark.parametrize(
    ("wish", "local", "remote", "version", "pin"),
    [
        (PythonWish(), ("3.11", "3.12"), (), "3.12", ID),
        (PythonWish(), ("3.11",), ("3.14",), "3.11", ID),
        (PythonWish(), (), ("3.13", "3.14"), "3.14", DIGEST),
        (PythonWish(None, ">=3.12"), ("3.11",), ("3.12", "3.13"), "3.13", DIGEST),
        (PythonWish(None, "<3.12"), ("3.11", "3.12"), (), "3.11", ID),
        (PythonWish(None, ">=3.11.4,<3.12"), ("3.11", "3.12"), (), "3.11", ID),
        (PythonWish("3.10"), ("3.11",), ("3.10",), "3.10", DIGEST),
        (PythonWish("3.10"), ("3.11",), (), "3.11", ID),
        (PythonWish("3.10", ">=3.11"), ("3.10", "3.11"), (), "3.11", ID),
    ],
)
def test_the_choice(
    wish: PythonWish,
    local: tuple[str, ...],
    remote: tuple[str, ...],
    version: str,
    pin: BasePin,
) -> None:
    chosen = choose_base(wish, (having(ID, *local), having(DIGEST, *remote)))
    assert chosen == BaseImage(f"python:{version}-slim", version, pin)


def test_a_name_pattern_of_one_s_own() -> None:
    lookup: Callable[[str], BasePin | None] = {"mine/py3.12": ID}.get
    assert choose_base(PythonWish(), (lookup,), pattern="mine/py{version}") == (
        BaseImage("mine/py3.12", "3.12", ID)
    )


def test_only_a_registry_s_digest_goes_into_from() -> None:
    assert BaseImage("python:3.12-slim", "3.12", ID).pinned == "python:3.12-slim"
    assert (
        BaseImage("python:3.12-slim", "3.12", DIGEST).pinned
        == "python:3.12-slim@sha256:d1"
    )


class Images:
    def __init__(self, digest: str) -> None:
        self.digest = digest

    def image(self, reference: str) -> ImageFacts | None:
        if reference != "here":
            return None
        return ImageFacts("sha256:1d", self.digest, "", False, ())

    def registry_digest(self, reference: str) -> str | None:
        return "sha256:d1" if reference == "there" else None


@pytest.mark.parametrize(("digest", "pin"), [("", ID), ("sha256:d1", DIGEST)])
def test_the_engine_s_word_first_then_the_registry_s(digest: str, pin: BasePin) -> None:
    local, remote = engine_lookups(Images(digest))
    assert (local("here"), local("there")) == (pin, None)
    assert (remote("there"), remote("here")) == (DIGEST, None)


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (
            PythonWish(None, ">=3.13"),
            (
                "python:3.14-slim, python:3.13-slim: no base image with Python >=3.13 is to be had\n"
                "  -> docker pull python:3.14-slim, or tag an image of yours with one of these names"
            ),
        ),
        (
            PythonWish(None, "<3.8"),
            (
                "requires-python: no Python that karst builds for satisfies '<3.8'\n"
                "  -> karst builds for 3.9 to 3.14; use 'build: dockerfile' for others"
            ),
        ),
        (
            PythonWish(None, "three"),
            (
                "requires-python: 'three' is no range of Python versions\n"
                "  -> correct it in the repository's pyproject.toml"
            ),
        ),
    ],
)
def test_none_to_be_had_is_a_sentence(wish: PythonWish, text: str) -> None:
    with pytest.raises(BuildError) as caught:
        choose_base(wish, (having(ID, "3.11"),))
    assert str(caught.value) == text
