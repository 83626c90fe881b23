"""Finds out how a fetched tree starts: overrides first, then the levels in order."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from karst.errors import EntrypointError
from karst.inspection.commands import place_of, run_command, use_dockerfile
from karst.inspection.declared import DECLARED as SOURCES
from karst.inspection.detect import detect
from karst.inspection.entrypoint import APP, Candidate, Entrypoint, choose
from karst.inspection.installed import with_installed
from karst.inspection.overrides import DECLARED, VARIABLE, from_label, from_setting
from karst.inspection.programs import left_out
from karst.inspection.refusals import equal_programs, nothing_found, several_apps
from karst.inspection.rules import RULES, Found
from karst.inspection.source import SourceTree
from karst.inspection.stages import read_last_stage
from karst.inspection.subprojects import subprojects

OWN_DOCKERFILE = "the repository's own Dockerfile"
_LANGUAGE_IMAGE = re.compile(
    r"(docker\.io/)?(library/)?(node|python|debian|ubuntu|alpine|golang|ruby|openjdk|rust|php|busybox|scratch)([:@]|$)"
)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+@-]+", re.ASCII)
EXECUTABLE = "an executable file 'main' at the root"
Detection = Literal["declared", "conventional"]


def resolve_entrypoint(
    tree: Path,
    *,
    declared: str | tuple[str, ...] | None = None,
    environment_override: str | None = None,
    detection: Detection = "declared",
    build: Literal["auto", "template", "dockerfile"] = "auto",
) -> Entrypoint:
    """Resolve how the program in folder `tree` starts.

    Args:
        declared: `entrypoint:` of repos.yaml; a tuple is a command.
        environment_override: the variable ENTRYPOINT.
        detection: `detection:` of repos.yaml; "conventional" asks for the five rules
            in their literal order, whatever the author declared.
        build: `build: with` of repos.yaml; "dockerfile" asks for the repository's
            own Dockerfile, "template" for karst's image in every case.

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
    own = own if build == "auto" and _starts(source) else None
    named = _named(source, declared, environment_override)
    if named is not None:
        return with_installed(source, choose(named, _others(source, detection)))
    try:
        if detection == "conventional":
            found = [rule(source) for rule in RULES]
            return _plain(_decide(source, found, own, conventional=True))
        return _plain(with_installed(source, _detect(source, own)))
    except RecursionError:
        raise EntrypointError(
            "the program is nested too deeply to be read",
            where=str(tree),
            remedy="name it in repos.yaml, for example 'entrypoint: package.module:function'",
        ) from None


def _plain(found: Entrypoint) -> Entrypoint:
    """Refuse folders whose names would be read as more than names in a Dockerfile."""
    for path in (found.workdir, found.folder, found.python_path):
        if path and not _PLAIN_PATH.fullmatch(path):
            raise EntrypointError(
                f"the program lies in {path!r}, and such a name can't be told to a build",
                where=found.rule,
                remedy="rename the folder in its repository, or set 'path:' and 'entrypoint:' in repos.yaml",
            )
    return found


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


def _others(source: SourceTree, detection: Detection) -> tuple[Candidate, ...]:
    """What the rules find; an override stands whatever they say."""
    try:
        if detection == "conventional":
            return _flat([rule(source) for rule in RULES])
        return _flat(detect(source).levels)
    except EntrypointError:
        return ()


def _detect(source: SourceTree, own: Candidate | None) -> Entrypoint:
    """The full order; a lone sub-project is the program, several are too many."""
    found = detect(source, own_image=own is not None)
    best = found.best
    if found.declared or (len(best) == 1 and not _inner(best[0])):
        return _decide(source, found.levels, own)
    if found.closed:
        return _decide(source, found.levels, None, library=found.library)
    projects = subprojects(source)
    if len(projects) > 1:
        if own is not None:
            return choose(own, _flat(found.levels))
        raise several_apps(source, projects)
    if projects and (not best or projects[0].declared):
        return choose(projects[0].candidate, _flat(found.levels))
    levels = found.levels
    if not _flat(levels):
        levels = (Found((), left_out(source, library=found.library)),)
    return _decide(source, levels, own, library=found.library)


def _inner(candidate: Candidate) -> bool:
    """The candidate belongs to a folder that may be a project of its own."""
    outer = [e.file for e in candidate.evidence[:1] if "/" not in e.file]
    return bool(candidate.folder) or candidate.workdir != APP or not outer


def _decide(
    source: SourceTree,
    found: Sequence[Found],
    own: Candidate | None,
    *,
    library: bool = False,
    conventional: bool = False,
) -> Entrypoint:
    fallbacks = [c for c in (_executable(source), own) if c is not None]
    answer = next((f for f in found if f.best), Found(tuple(fallbacks[:1])))
    if len(answer.best) == 1:
        known = [c for c in _flat(found) if c.command != answer.best[0].command]
        others = [*known, *(c for c in fallbacks if c != answer.best[0])]
        kinds = {c.kind for c in known} | {answer.best[0].kind}
        others = [
            c
            for c in others
            if c.kind != "dockerfile" or "dockerfile" not in kinds or c in known
        ]
        return choose(answer.best[0], tuple(others))
    if answer.best and own is not None:
        return choose(own, _flat(found))
    if not answer.best:
        rest = () if conventional else _flat(found)
        raise nothing_found(
            source, library=library, others=rest, looked=_looked_for(conventional)
        )
    raise equal_programs(source, answer.best)


def _flat(found: Sequence[Found]) -> tuple[Candidate, ...]:
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


def _starts(source: SourceTree) -> bool:
    """The Dockerfile makes an image that starts something, by itself or by its base."""
    stage = read_last_stage(source.read("Dockerfile") or "")
    if stage is None:
        return True
    if not stage.buildable:
        return False
    if stage.entrypoint or stage.command:
        return True
    return not _LANGUAGE_IMAGE.match(stage.base)


def _executable(source: SourceTree) -> Candidate | None:
    """`/app/main`: the way for programs in other languages."""
    if source.is_file("main") and os.access(source.root / "main", os.X_OK):
        return run_command((place_of("main"),), EXECUTABLE, source.evidence("main"))
    return None


def _looked_for(conventional: bool) -> str:
    levels = RULES if conventional else (*SOURCES, *RULES)
    return "\n".join(
        [
            "looked for, in this order:",
            *(str(level.__doc__).splitlines()[0] for level in levels),
            *([] if conventional else ["an application object of a web framework"]),
            f"then {EXECUTABLE}, then a Dockerfile",
        ]
    )
