"""Which Python a repository asks for, and the base image that has it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from karst.effects.engine_facts import ImageFacts
from karst.errors import BuildError
from karst.inspection.bounds import parse_toml, read_bounded

PYTHON_IMAGE = "python:{version}-slim"
SUPPORTED = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")
# A base image has some patch release; which one is not known from its name.
_PATCHES = range(40)
_VERSION_FILE = re.compile(r"(?:cpython-|python-)?(3\.\d+)(?:\.\d+)?", re.ASCII)
_FROM_PYTHON = re.compile(
    r"^\s*FROM\s+(?:--platform=\S+\s+)?(?:\S+/)?python:(3\.\d+)", re.ASCII | re.M | re.I
)
_POETRY_RANGE = re.compile(r"([\^~])\s*(\d+)\.(\d+)(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class PythonWish:
    """The Python that a repository asks for.

    Attributes:
        preferred: "3.12" from .python-version, or None.
        specifiers: requires-python, "" for any.
    """

    preferred: str | None = None
    specifiers: str = ""


@dataclass(frozen=True)
class BasePin:
    """What a name stands for now: a registry's digest, or an id of this engine only."""

    value: str
    from_registry: bool


@dataclass(frozen=True)
class BaseImage:
    """A base image with Python `python` ("3.11"), named and pinned."""

    reference: str
    python: str
    pin: BasePin

    @property
    def pinned(self) -> str:
        """What a Dockerfile's FROM names: with the digest where a registry gave one."""
        digest = f"@{self.pin.value}" if self.pin.from_registry else ""
        return self.reference + digest


Lookup = Callable[[str], BasePin | None]


class Images(Protocol):
    """The part of the engine that knows images."""

    def image(self, reference: str) -> ImageFacts | None: ...

    def registry_digest(self, reference: str) -> str | None: ...


def engine_lookups(images: Images) -> tuple[Lookup, Lookup]:
    """Return two lookups: what the engine has, then what a registry has."""

    def local(reference: str) -> BasePin | None:
        facts = images.image(reference)
        if facts is None:
            return None
        return BasePin(facts.digest or facts.id, bool(facts.digest))

    def remote(reference: str) -> BasePin | None:
        digest = images.registry_digest(reference)
        return BasePin(digest, True) if digest else None

    return local, remote


def choose_base(
    wish: PythonWish, lookups: Sequence[Lookup], *, pattern: str = PYTHON_IMAGE
) -> BaseImage:
    """Choose the base image: the preferred Python, else the newest that will do.

    Earlier lookups go first, so that what is at hand is not passed over for a newer
    one far away. Raises BuildError where none is to be had.
    """
    allowed = SpecifierSet(_readable(wish.specifiers))
    fit = [v for v in SUPPORTED if any(f"{v}.{p}" in allowed for p in _PATCHES)]
    first = [wish.preferred] if wish.preferred in fit else []
    for versions in (first, fit):
        for lookup in lookups:
            for version in versions:
                reference = pattern.format(version=version)
                pin = lookup(reference)
                if pin is not None:
                    return BaseImage(reference, version, pin)
    wanted = wish.specifiers or wish.preferred or "3"
    if not fit:
        raise BuildError(
            f"no Python that karst builds for satisfies '{wanted}'",
            where="requires-python",
            remedy=f"karst builds for {SUPPORTED[-1]} to {SUPPORTED[0]}; use 'build: dockerfile' for others",
        )
    raise BuildError(
        f"no base image with Python {wanted} is to be had",
        where=", ".join(pattern.format(version=v) for v in fit),
        remedy=f"docker pull {pattern.format(version=fit[0])}, or tag an image of yours with one of these names",
    )


def read_python_wish(tree: Path) -> PythonWish:
    """Read .python-version, and the range that a project, Poetry or a lock names.

    Without the former, runtime.txt or the Dockerfile's last FROM says what it runs on.
    """
    preferred = None
    for name in (".python-version", "runtime.txt"):
        for line in _text(tree / name).splitlines():
            match = _VERSION_FILE.fullmatch(line.strip())
            if match and preferred is None:
                preferred = match.group(1)
    if preferred is None:
        images = _FROM_PYTHON.findall(_text(tree / "Dockerfile"))
        preferred = images[-1] if images else None
    data = _document(tree / "pyproject.toml")
    project = data.get("project")
    written = (
        project.get("requires-python") if isinstance(project, dict) else None,
        _poetry_python(data),
        _document(tree / "pylock.toml").get("requires-python"),
    )
    found = (text for text in written if isinstance(text, str) and text)
    return PythonWish(preferred, next(found, ""))


def _poetry_python(data: dict[str, Any]) -> str:
    for key in ("tool", "poetry", "dependencies", "python"):
        data = data.get(key, {}) if isinstance(data, dict) else {}
    if not isinstance(data, str):
        return ""

    def written_out(match: re.Match[str]) -> str:
        sign, major, minor = match.group(1), int(match.group(2)), int(match.group(3))
        top = f"{major + 1}" if sign == "^" else f"{major}.{minor + 1}"
        return f">={match.group(0)[1:].strip()},<{top}"

    return _POETRY_RANGE.sub(written_out, data)


def _readable(specifiers: str) -> str:
    try:
        SpecifierSet(specifiers)
    except InvalidSpecifier as error:
        raise BuildError(
            f"'{specifiers}' is no range of Python versions",
            where="requires-python",
            remedy="correct it in the repository's pyproject.toml",
        ) from error
    return specifiers


def _document(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(_text(path))
    except tomllib.TOMLDecodeError:
        return {}  # told where it is needed, by read_manifest


def _text(path: Path) -> str:
    return (read_bounded(path) or "") if path.is_file() else ""
