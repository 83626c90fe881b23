"""Projects that ask git for their version, and how they build where no git is.

A checkout has no history, whichever way it came, or equal trees would give unequal
images. So such a project is told a version, always the same one.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from karst.inspection.bounds import read_bounded
from karst.inspection.source import parse_python

VERSION = "0.0.0"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*", re.ASCII)
# Told to every package that a step builds, not to the project alone.
_VARIABLES = {
    "hatch-vcs": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "pbr": "PBR_VERSION",
    "poetry-dynamic-versioning": "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "pdm-backend": "PDM_BUILD_SCM_VERSION",
    "uv-dynamic-versioning": "UV_DYNAMIC_VERSIONING_BYPASS",
}
# These also tell setuptools which files are the package's: those that git tracks.
_LISTING = ("setuptools-scm", "pbr")


@dataclass(frozen=True)
class GitVersion:
    """What the build of such a project is told.

    Attributes:
        variables: names of variables that hold the version.
        lists_files: git would also say which files belong to the package.
        files: files that the build writes the version to, relative to the tree.
    """

    variables: tuple[str, ...] = ()
    lists_files: bool = False
    files: tuple[str, ...] = ()


NO_GIT_VERSION = GitVersion()


def read_git_version(tree: Path, pyproject: dict[str, Any]) -> GitVersion:
    """Find the tool that would ask git; reads setup.py, never runs it."""
    setup_py, setup_cfg = _read_setup_py(tree), _read_setup_cfg(tree)
    tools: set[str] = {
        *_names(_at(pyproject, "build-system", "requires")),
        *_names(setup_py.get("setup_requires")),
        *_names(setup_cfg.get("options", {}).get("setup_requires", "").splitlines()),
        *(["pbr"] if setup_py.get("pbr") else []),
        *(["setuptools-scm"] if setup_py.get("use_scm_version") else []),
    }
    name = (
        _at(pyproject, "project", "name")
        or setup_cfg.get("metadata", {}).get("name")
        or setup_py.get("name")
    )
    scm = _at(pyproject, "tool", "setuptools_scm") or setup_py.get("use_scm_version")
    scm = scm if isinstance(scm, dict) else {}
    hatch = _at(pyproject, "tool", "hatch") or {}
    variables = []
    if "setuptools-scm" in tools and "fallback_version" not in scm:
        own = f"_FOR_{_variable_part(name)}" if isinstance(name, str) and name else ""
        variables.append(f"SETUPTOOLS_SCM_PRETEND_VERSION{own}")
    for tool, variable in _VARIABLES.items():
        if tool in tools and _asks_git(tool, pyproject, hatch):
            variables.append(variable)
    files = (
        scm.get("version_file"),
        scm.get("write_to"),
        _at(hatch, "build", "hooks", "vcs", "version-file"),
    )
    return GitVersion(
        tuple(variables),
        any(tool in tools for tool in _LISTING),
        tuple(str(f) for f in files if _is_plain(f)) if tools else (),
    )


def _asks_git(tool: str, pyproject: dict[str, Any], hatch: dict[str, Any]) -> bool:
    """Whether `tool` would fail: not where the author names what to fall back to."""
    if tool == "hatch-vcs":
        version = _at(hatch, "version")
        fallbacks = (
            _at(version, "fallback-version"),
            _at(version, "raw-options", "fallback_version"),
        )
        return _at(version, "source") == "vcs" and not any(fallbacks)
    if tool == "pdm-backend":
        version = _at(pyproject, "tool", "pdm", "version")
        fallback = _at(version, "fallback_version")
        return _at(version, "source") == "scm" and not fallback
    return True


def _variable_part(name: str) -> str:
    return canonicalize_name(name).replace("-", "_").upper()


def _is_plain(path: object) -> bool:
    """A path inside of the tree that a Dockerfile takes as it stands."""
    return (
        isinstance(path, str)
        and bool(_PLAIN_PATH.fullmatch(path))
        and ".." not in path.split("/")
    )


def _names(requirements: object) -> Iterator[str]:
    """Names of requirements as they stand in lists; what is none is passed over."""
    if isinstance(requirements, str):
        requirements = [requirements]
    for requirement in requirements if isinstance(requirements, list) else ():
        match = _NAME.match(requirement) if isinstance(requirement, str) else None
        if match:
            yield str(canonicalize_name(match[1]))


def _at(data: Any, *path: str) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _read_setup_cfg(tree: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_bounded(tree / "setup.cfg") or "")
    except configparser.Error:
        return {}
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _read_setup_py(tree: Path) -> dict[str, Any]:
    """The arguments of setup() that are written out; True for any other value."""
    try:
        module = parse_python(read_bounded(tree / "setup.py") or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _called(node.func) == "setup":
            return {k.arg: _value(k.value) for k in node.keywords if k.arg}
    return {}


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return True
