"""Where a repository writes down what it depends on, and how that is installed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from karst.build.git_version import NO_GIT_VERSION, GitVersion, read_git_version
from karst.errors import BuildError
from karst.inspection.bounds import parse_toml, read_bounded

Kind = Literal[
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "requirements",
    "Pipfile.lock",
    "pyproject.toml",
    "setup.py",
    "none",
]

# Run in tool environments of their own, so ranges will do: the lock file decides.
_POETRY = "uvx --from 'poetry>=2,<3' --with 'poetry-plugin-export>=1.9,<2' poetry"
_PIPENV = "uvx --from 'pipenv>=2024' pipenv"
_EXPORTED = "/tmp/requirements.txt"  # noqa: S108 - a path inside of the build
# What a Dockerfile takes as a file name without any reading of its own.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._/+-]+", re.ASCII)
_FOR_DEVELOPERS = re.compile(r"dev|test|lint|doc|ci\b|bench", re.ASCII)
_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_LOCAL = re.compile(r"(-e|--editable)\b|\.{0,2}/|\.($|\[)|file:|[^#]*@\s*file:")


@dataclass(frozen=True)
class Manifest:
    """What to install, and from which files.

    Attributes:
        kind: the file that decides.
        files: files that the first step reads, relative to the tree; () where it
            needs the whole tree.
        dependencies: the shell command of the first step, "" for none.
        project: how the project itself is installed after that: not at all, alone,
            or with whatever it still needs.
        git_version: what a project that asks git for its version is told instead.
    """

    kind: Kind
    files: tuple[str, ...] = ()
    dependencies: str = ""
    project: Literal["no", "alone", "with dependencies"] = "no"
    git_version: GitVersion = NO_GIT_VERSION


def read_manifest(tree: Path, *, needs_project: bool = False) -> Manifest:
    """Find the manifest of a checkout; raises BuildError for a broken pyproject.toml.

    `needs_project`: the entrypoint is a console script, which only an installed
    project has.
    """
    data = _pyproject(tree)
    found = _find_manifest(tree, data, needs_project=needs_project)
    return replace(found, git_version=read_git_version(tree, data))


def _find_manifest(
    tree: Path, data: dict[str, Any], *, needs_project: bool
) -> Manifest:
    install = needs_project or _installable(tree, data)
    alone: Literal["no", "alone"] = "alone" if install else "no"
    more: Literal["no", "with dependencies"] = "with dependencies" if install else "no"
    if (tree / "uv.lock").is_file() and data:
        files = () if _reaches_out(data) else ("pyproject.toml", "uv.lock")
        sync = "uv sync --frozen --no-dev --no-install-project --no-editable"
        return Manifest("uv.lock", files, sync, alone)
    if (tree / "poetry.lock").is_file() and data:
        export = f"{_POETRY} export --only main --format requirements.txt --output {_EXPORTED}"
        command = f"{export} && uv pip install --requirement {_EXPORTED}"
        return Manifest(
            "poetry.lock", ("pyproject.toml", "poetry.lock"), command, alone
        )
    if (tree / "pylock.toml").is_file():
        command = "uv pip install --preview-features pylock --requirement pylock.toml"
        return Manifest("pylock.toml", ("pylock.toml",), command, more)
    requirements = _requirements_file(tree)
    if requirements is not None:
        command = f"uv pip install --requirement {requirements}"
        return Manifest(
            "requirements", _with_includes(tree, requirements), command, more
        )
    if (tree / "Pipfile.lock").is_file():
        # Without a Pipfile beside it, pipenv does not find its own lock file.
        command = f"touch Pipfile && {_PIPENV} requirements --hash > {_EXPORTED} && uv pip install --requirement {_EXPORTED}"
        return Manifest("Pipfile.lock", ("Pipfile.lock",), command, more)
    return _from_project(tree, data, install=install)


def _from_project(tree: Path, data: dict[str, Any], *, install: bool) -> Manifest:
    project = data.get("project")
    if isinstance(project, dict) and "dependencies" not in project.get("dynamic", []):
        command = "uv pip install --requirement pyproject.toml"
        if not project.get("dependencies"):
            command = ""
        return Manifest(
            "pyproject.toml",
            ("pyproject.toml",) if command else (),
            command,
            "alone" if install else "no",
        )
    if (tree / "setup.py").is_file():
        return Manifest("setup.py", project="with dependencies")
    if data and install:
        return Manifest("pyproject.toml", project="with dependencies")
    return Manifest("none")


def _installable(tree: Path, data: dict[str, Any]) -> bool:
    tool = data.get("tool", {})
    uv, poetry = (_table(tool, name) for name in ("uv", "poetry"))
    if uv.get("package") is False or poetry.get("package-mode") is False:
        return False
    scripts = _table(data, "project").get("scripts")
    return bool("build-system" in data or scripts or (tree / "setup.py").is_file())


def _reaches_out(data: dict[str, Any]) -> bool:
    """Say whether uv's lock needs folders of the tree besides its own two files."""
    uv = _table(data.get("tool", {}), "uv")
    sources = _table(uv, "sources").values()
    return "workspace" in uv or any("path" in str(source) for source in sources)


def _requirements_file(tree: Path) -> str | None:
    """requirements.txt, else the first other one that is not for developers."""
    found = sorted(
        str(path.relative_to(tree))
        for pattern in ("requirements*.txt", "requirements/*.txt")
        for path in tree.glob(pattern)
        if path.is_file() and _PLAIN_NAME.fullmatch(str(path.relative_to(tree)))
    )
    if "requirements.txt" in found:
        return "requirements.txt"
    fit = [name for name in found if not _FOR_DEVELOPERS.search(name)]
    return fit[0] if fit else None


def _with_includes(tree: Path, name: str) -> tuple[str, ...]:
    """The file and what it includes; () where that needs more of the tree."""
    seen: list[str] = []
    pending = [name]
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        place = tree / path
        if not _PLAIN_NAME.fullmatch(path) or ".." in path or not place.is_file():
            return ()
        text = read_bounded(place)
        if text is None:
            return ()
        seen.append(path)
        for line in text.splitlines():
            if _LOCAL.match(line.strip()):
                return ()
            include = _INCLUDE.match(line.strip())
            if include and "://" not in include.group(1):
                pending.append(str(Path(path).parent / include.group(1)))
    return tuple(sorted(seen))


def _pyproject(tree: Path) -> dict[str, Any]:
    path = tree / "pyproject.toml"
    if not path.is_file():
        return {}
    text, why = read_bounded(path), "it is no UTF-8, or larger than 1 MiB"
    try:
        if text is not None:
            return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        why = str(error)
    raise BuildError(
        f"pyproject.toml can't be read: {why}",
        where="pyproject.toml",
        remedy="correct the file in its repository",
    )


def _table(data: object, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}
