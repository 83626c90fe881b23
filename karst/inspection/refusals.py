"""Why a tree can't be started as it is, in sentences with the line that would help."""

from __future__ import annotations

from collections.abc import Sequence

from karst.errors import EntrypointError
from karst.inspection.entrypoint import Candidate
from karst.inspection.frameworks import TEMPLATES
from karst.inspection.source import SourceTree
from karst.inspection.subprojects import Subproject

_SHOWN = 12
_LANGUAGES = {
    "package.json": "JavaScript",
    "go.mod": "Go",
    "Cargo.toml": "Rust",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "mix.exs": "Elixir",
}


def several_apps(tree: SourceTree, found: Sequence[Subproject]) -> EntrypointError:
    """A repository of several programs, each in a folder of its own."""
    lines = [f"path: {s.folder}    # {_what(s.candidate)}" for s in found]
    return EntrypointError(
        f"{len(found)} programs in folders of their own were found, and which one is meant is not said",
        where=str(tree.root),
        remedy=f"choose by one line in repos.yaml: path: {found[0].folder}",
        detail=_shortened(lines),
    )


def equal_programs(tree: SourceTree, found: Sequence[Candidate]) -> EntrypointError:
    """Programs among which nothing decides."""
    return EntrypointError(
        f"{len(found)} programs are equally likely to be the one to start",
        where=str(tree.root),
        remedy=f"choose by one line in repos.yaml: entrypoint: {setting_of(found[0])}",
        detail=_shortened([_told(candidate) for candidate in found]),
    )


def nothing_found(
    tree: SourceTree, *, library: bool, others: Sequence[Candidate], looked: str
) -> EntrypointError:
    """Nothing to start: say what it is instead, as far as that can be told."""
    what, remedy = _kind(tree, library)
    if others:
        remedy = f"if it is to run, name it in repos.yaml, for example: entrypoint: {setting_of(others[0])}"
    return EntrypointError(
        what,
        where=str(tree.root),
        remedy=remedy,
        detail=_shortened([_told(c) for c in others]) if others else looked,
    )


def _kind(tree: SourceTree, library: bool) -> tuple[str, str]:
    name = "name it in repos.yaml, for example 'entrypoint: package.module:function', or write a Dockerfile and 'build: dockerfile'"
    notebooks = sum(path.endswith(".ipynb") for path in tree.files)
    sources = sum(path.endswith(".py") for path in tree.files)
    if library:
        return "this is a library: it declares no program and starts none", name
    if notebooks and notebooks * 2 > sources:
        return f"this is a collection of {notebooks} notebooks, none of them starts", name  # fmt: skip
    if tree.is_template(TEMPLATES):
        return "this is a template of projects, not one of them", name
    for file, language in _LANGUAGES.items():
        if file in tree.files and not sources:
            return (
                f"this is a program in {language}, and nothing here says how it is built",
                "write a Dockerfile and 'build: dockerfile', or an executable 'main' at its root",
            )
    return "nothing to start was found", name


def setting_of(candidate: Candidate) -> str:
    """What to write as `entrypoint:` to get this candidate."""
    if candidate.setting:
        return candidate.setting
    words = ", ".join(f'"{word}"' for word in candidate.command)
    return f"[{words}]"


def _told(candidate: Candidate) -> str:
    places = ", ".join(f"{e.file}:{e.line} {e.text}" for e in candidate.evidence)
    return f"entrypoint: {setting_of(candidate)}    # {places}"


def _what(candidate: Candidate) -> str:
    return candidate.value if candidate.kind != "dockerfile" else "its own Dockerfile"


def _shortened(lines: list[str]) -> str:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])
