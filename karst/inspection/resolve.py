"""Finds out how a fetched tree starts: overrides first, then the rules in order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from karst.errors import EntrypointError
from karst.inspection.commands import run_command, use_dockerfile
from karst.inspection.entrypoint import APP, Candidate, Entrypoint, choose
from karst.inspection.overrides import DECLARED, VARIABLE, from_label, from_setting
from karst.inspection.rules import RULES, Found
from karst.inspection.source import SourceTree

OWN_DOCKERFILE = "the repository's own Dockerfile"
EXECUTABLE = "an executable file 'main' at the root"


def resolve_entrypoint(
    tree: Path,
    *,
    declared: str | tuple[str, ...] | None = None,
    environment_override: str | None = None,
    detection: Literal["declared", "conventional"] = "declared",  # noqa: ARG001 - both follow the five rules so far
    build: Literal["auto", "template", "dockerfile"] = "auto",
) -> Entrypoint:
    """Resolve how the program in folder `tree` starts.

    Args:
        declared: `entrypoint:` of repos.yaml; a tuple is a command.
        environment_override: the variable ENTRYPOINT.
        detection: `detection:` of repos.yaml; both values follow the five rules.
        build: `build: with` of repos.yaml; "dockerfile" asks for the repository's
            own Dockerfile, "auto" falls back to it.

    Raises EntrypointError with what was found and the line that would choose.
    """
    source = SourceTree(tree)
    own = _own_dockerfile(source)
    if build == "dockerfile":
        if own is None:
            raise EntrypointError(
                "'build: dockerfile' asks for a Dockerfile, and there is none",
                where="Dockerfile",
                remedy="add one at the root of the repository (or of 'path:'), or leave 'build:' out",
            )
        return choose(own)
    named = _named(source, declared, environment_override)
    if named is not None:
        return choose(named, _others(source))
    return _detect(source, own if build == "auto" else None)


def _named(
    source: SourceTree,
    declared: str | tuple[str, ...] | None,
    environment_override: str | None,
) -> Candidate | None:
    if declared is not None:
        return from_setting(source, declared, DECLARED)
    if environment_override:
        return from_setting(source, environment_override, VARIABLE)
    return from_label(source)


def _others(source: SourceTree) -> tuple[Candidate, ...]:
    """What the rules find; an override stands whatever they say."""
    try:
        return _flat([rule(source) for rule in RULES])
    except EntrypointError:
        return ()


def _detect(source: SourceTree, own: Candidate | None) -> Entrypoint:
    found = [rule(source) for rule in RULES]
    fallbacks = [c for c in (_executable(source), own) if c is not None]
    answer = next((f for f in found if f.best), Found(tuple(fallbacks[:1])))
    if len(answer.best) == 1:
        others = [c for c in (*_flat(found), *fallbacks) if c != answer.best[0]]
        return choose(answer.best[0], tuple(others))
    if answer.best and own is not None:
        return choose(own, _flat(found))
    if not answer.best:
        raise EntrypointError(
            "nothing to start was found",
            where=str(source.root),
            remedy="name it in repos.yaml, for example 'entrypoint: package.module:function', or write a Dockerfile and 'build: dockerfile'",
            detail=_looked_for(),
        )
    raise EntrypointError(
        f"{len(answer.best)} programs are equally likely to be the one to start",
        where=str(source.root),
        remedy=f"choose by one line in repos.yaml: entrypoint: {answer.best[0].setting}",
        detail="\n".join(_told(candidate) for candidate in answer.best),
    )


def _flat(found: list[Found]) -> tuple[Candidate, ...]:
    """All candidates in the order of the rules, each way to start once."""
    seen: dict[tuple[str, ...], Candidate] = {}
    for candidate in (c for f in found for c in (*f.best, *f.rest)):
        seen.setdefault(candidate.command, candidate)
    return tuple(seen.values())


def _own_dockerfile(source: SourceTree) -> Candidate | None:
    if not source.is_file("Dockerfile"):
        return None
    line = source.line_of("Dockerfile", "ENTRYPOINT", "CMD", "FROM")
    return use_dockerfile(OWN_DOCKERFILE, source.evidence("Dockerfile", line))


def _executable(source: SourceTree) -> Candidate | None:
    """`/app/main`: the way for programs in other languages."""
    if source.is_file("main") and os.access(source.root / "main", os.X_OK):
        return run_command((f"{APP}/main",), EXECUTABLE, source.evidence("main"))
    return None


def _told(candidate: Candidate) -> str:
    places = ", ".join(f"{e.file}:{e.line} {e.text}" for e in candidate.evidence)
    return f"entrypoint: {candidate.setting}    # {places}"


def _looked_for() -> str:
    return "\n".join(
        [
            "looked for, in this order:",
            *(str(rule.__doc__).splitlines()[0] for rule in RULES),
            f"then {EXECUTABLE}, then a Dockerfile",
        ]
    )
