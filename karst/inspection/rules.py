"""The five rules that find an entrypoint, one function each, in their order.

Each returns its candidates, the best first; equally good ones carry no order, and
`resolve_entrypoint` refuses to choose among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from karst.errors import EntrypointError
from karst.inspection.commands import (
    SCRIPT_NAME,
    place_of,
    run_file,
    run_module,
    run_script,
)
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.scan import SKIPPED_FOLDERS, scan
from karst.inspection.source import SourceTree, table

SCRIPTS = "1: [project.scripts]"
PACKAGE = "2: {package}/__main__.py"
ROOT = "3: main.py or __main__.py at the root"
APP_OR_SRC = "4: app.py, app/__main__.py or src/{package}/__main__.py"
SCAN = '5: a scan for def main( or if __name__ == "__main__"'


@dataclass(frozen=True)
class Found:
    """What one rule found: the best ones (several: a tie), and the rest in order."""

    best: tuple[Candidate, ...] = ()
    rest: tuple[Candidate, ...] = ()


def in_order(candidates: list[Candidate]) -> Found:
    return Found(tuple(candidates[:1]), tuple(candidates[1:]))


def project_scripts(tree: SourceTree) -> Found:
    """Rule 1: the first entry of [project.scripts]."""
    scripts = table(tree.pyproject(), "project", "scripts")
    found = []
    for name in scripts:
        line = tree.line_of("pyproject.toml", name, f'"{name}"', f"'{name}'")
        if not SCRIPT_NAME.fullmatch(name):
            raise EntrypointError(
                f"{name!r} is no name for a script",
                where=f"pyproject.toml:{line} [project.scripts]",
                remedy="correct the name in its repository, or set 'entrypoint:' in repos.yaml",
            )
        found.append(run_script(name, SCRIPTS, tree.evidence("pyproject.toml", line)))
    return in_order(found)


def package_main(tree: SourceTree) -> Found:
    """Rule 2: {package}/__main__.py, the project's own package before others."""
    own = _project_packages(tree)
    return _packages(tree, "", PACKAGE, leave_out=frozenset({"app"} - own))


def root_main(tree: SourceTree) -> Found:
    """Rule 3: main.py, then __main__.py, at the root."""
    names = [name for name in ("main.py", "__main__.py") if tree.is_file(name)]
    return in_order([run_file(n, ROOT, _start_of(tree, n)) for n in names])


def app_or_src(tree: SourceTree) -> Found:
    """Rule 4: app.py, app/__main__.py, then src/{package}/__main__.py."""
    found = []
    if tree.is_file("app.py"):
        found.append(run_file("app.py", APP_OR_SRC, _start_of(tree, "app.py")))
    if tree.is_file("app/__main__.py"):
        line = _start_of(tree, "app/__main__.py")
        found.append(run_module("app", APP_OR_SRC, line))
    packages = _packages(tree, "src", APP_OR_SRC, leave_out=frozenset())
    if found:
        return Found((found[0],), (*found[1:], *packages.best, *packages.rest))
    return packages


def scanned(tree: SourceTree) -> Found:
    """Rule 5: a scan for def main( or if __name__ == "__main__", likely names first."""
    programs = scan(tree, SCAN)
    best = [p.candidate for p in programs if p.rank == programs[0].rank]
    rest = [p.candidate for p in programs if p.rank != programs[0].rank]
    return Found(tuple(best), tuple(rest))


RULES: tuple[Callable[[SourceTree], Found], ...] = (
    project_scripts,
    package_main,
    root_main,
    app_or_src,
    scanned,
)


def _packages(
    tree: SourceTree, folder: str, rule: str, *, leave_out: frozenset[str]
) -> Found:
    """Packages of `folder` with a __main__.py; the project's own is the best one."""
    prefix = f"{folder}/" if folder else ""
    found = {}
    for name in tree.folders(folder):
        main = f"{prefix}{name}/__main__.py"
        unfit = name in SKIPPED_FOLDERS or name in leave_out or not name.isidentifier()
        if unfit or not tree.is_file(main):
            continue
        path = place_of(folder) if folder else ""
        line = _start_of(tree, main)
        found[name] = run_module(name, rule, line, python_path=path)
    own = [name for name in found if name in _project_packages(tree)]
    best = own or list(found)
    return Found(
        tuple(found[name] for name in best),
        tuple(found[name] for name in found if name not in best),
    )


def _project_packages(tree: SourceTree) -> frozenset[str]:
    """The import names that a project of this name would have."""
    data = tree.pyproject()
    names = (
        table(data, "project").get("name"),
        table(data, "tool", "poetry").get("name"),
    )
    return frozenset(
        re.sub(r"[-.]+", "_", name).lower() for name in names if isinstance(name, str)
    )


def _start_of(tree: SourceTree, path: str) -> Evidence:
    return tree.evidence(path, tree.line_of(path, "if __name__", "def main("))
