"""The full order: what the author declared, then what the files themselves say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from karst.inspection.applications import applications, serve
from karst.inspection.commands import SCRIPT_NAME, place_of, run_script
from karst.inspection.console_scripts import console_scripts
from karst.inspection.declared import DOCKERFILES, declared
from karst.inspection.django import django
from karst.inspection.entrypoint import APP, Candidate
from karst.inspection.frameworks import ASIDE, LIBRARIES, TEMPLATES
from karst.inspection.packaging import Packaging, normalise, packaging_at
from karst.inspection.programs import (
    Program,
    is_likely,
    is_outer,
    is_unlikely,
    placed,
    scanned,
)
from karst.inspection.rules import RULES, SCRIPTS, Found
from karst.inspection.source import SourceTree
from karst.inspection.streamlit import streamlit

_MANY = 4
_APP = re.compile(rf"(?<![\w$}}./-]){APP}(?![\w.-])")


@dataclass(frozen=True)
class Detected:
    """What the levels found, the first level first.

    The first level that has a best candidate decides; several best ones are a tie.
    Levels after it are not looked at, but for what is quickly told.
    `declared`: the author's own word decides. `library`: it is a distribution;
    `closed`: it is so surely one, or a template, that its folders are not looked at.
    """

    levels: tuple[Found, ...]
    declared: bool = False
    library: bool = False
    closed: bool = False

    @property
    def best(self) -> tuple[Candidate, ...]:
        return next((level.best for level in self.levels if level.best), ())


def detect(tree: SourceTree, *, own_image: bool = True) -> Detected:
    """Look at the levels below the overrides; sub-projects are looked at elsewhere.

    `own_image`: the repository's own Dockerfile may be what is built.
    """
    packaging = packaging_at(tree, "")
    levels = [_allowed(found, own_image) for found in declared(tree, packaging)]
    if packaging.library and not tree.files & {*DOCKERFILES, "Procfile"}:
        levels = []  # what else is declared shows or tests the library
    is_library = normalise(packaging.name) in LIBRARIES
    if any(level.best for level in levels):
        brief = _brief(tree, packaging)
        return Detected((*levels, brief), declared=True)
    if is_library or tree.is_template(TEMPLATES):
        return Detected((), library=is_library, closed=True)
    for level in _LEVELS if not packaging.library else (_serving_script,):
        levels.append(level(tree, packaging))
        if levels[-1].best:
            break
    levels.append(_brief(tree, packaging))
    return Detected(tuple(levels), library=packaging.packaged, closed=packaging.library)


def _allowed(found: Found, own_image: bool) -> Found:
    every = (*found.best, *found.rest)
    kept = tuple(c for c in every if own_image or c.kind != "dockerfile")
    return found if kept == every else Found(kept[:1], kept[1:])


def _brief(tree: SourceTree, packaging: Packaging) -> Found:
    """Scripts, and files at the rules' own places: candidates, none of them meant."""
    scripts = [
        run_script(s.name, SCRIPTS, s.evidence)
        for s in packaging.scripts
        if SCRIPT_NAME.fullmatch(s.name)
    ]
    files = [c for rule in RULES[1:4] for c in (*rule(tree).best, *rule(tree).rest)]
    return Found((), (*scripts, *files))


def _django(tree: SourceTree, packaging: Packaging) -> Found:
    return Found(django(tree, packaging))


def _streamlit(tree: SourceTree, packaging: Packaging) -> Found:
    return Found(streamlit(tree, packaging))


def _serving(tree: SourceTree, packaging: Packaging) -> Found:
    """Programs that are seen to serve, to work or to chat, in the rules' order."""
    scripts = console_scripts(tree, packaging)
    good = [s.candidate for s in scripts if s.nature and not s.helper and s.file]
    files = [p for p in placed(tree, packaging) if p.nature]
    if good or files:
        return _first(good, files, packaging)
    nearer = scanned(tree, look=True, among=lambda p: is_likely(p) or is_outer(p))
    found = [p for p in nearer if p.nature]
    shown = [p for p in found if p.likely or not _is_collection(tree)]
    return _likeliest(shown)


def _is_collection(tree: SourceTree) -> bool:
    """Many folders with a program each: none of them is meant more than another."""
    names = ("main.py", "app.py", "server.py", "run.py", "bot.py")
    folders = {
        p.partition("/")[0]
        for p in tree.files
        if p.count("/") == 1 and p.endswith(names)
    }
    return len(folders - ASIDE) >= _MANY


def _first(
    scripts: list[Candidate],
    files: Sequence[Program],
    packaging: Packaging,
    rest: tuple[Candidate, ...] = (),
) -> Found:
    """The first script, else the first file; packages that are nobody's own are a tie."""
    found = [program.candidate for program in files]
    if scripts:
        return Found((scripts[0],), (*scripts[1:], *found, *rest))
    equal = [p for p in files if p.package and p.rule == files[0].rule]
    own = {p.package for p in equal} & packaging.modules
    tie = files[0].package and not own
    best = [p.candidate for p in equal] if tie else found[:1]
    return Found(tuple(best), (*(c for c in found if c not in best), *rest))


def _likeliest(found: Sequence[Program]) -> Found:
    """The best of rule 5; equally likely ones are a tie."""
    if not found:
        return Found()
    ranks = [_rank(program) for program in found]
    best = [p.candidate for p, r in zip(found, ranks, strict=True) if r == min(ranks)]
    rest = [p.candidate for p, r in zip(found, ranks, strict=True) if r != min(ranks)]
    return Found(tuple(best), tuple(rest))


def _rank(program: Program) -> tuple[int, bool, bool, int]:
    """Nearer the root, serving rather than working, by a likely name, by itself."""
    protocol = program.nature.protocol if program.nature else None
    depth = program.nature.depth if program.nature else 9
    path = program.file.removeprefix("src/")
    return path.count("/"), protocol in (None, "none"), not program.likely, depth


def _serving_script(tree: SourceTree, packaging: Packaging) -> Found:
    """Of a library: a script of its own that serves, nothing else."""
    scripts = console_scripts(tree, packaging)
    good = [s.candidate for s in scripts if s.nature and not s.helper and s.file]
    rest = [s.candidate for s in scripts if s.candidate not in good]
    return Found(tuple(good[:1]), (*good[1:], *rest))


def _namesake(tree: SourceTree, packaging: Packaging) -> Found:
    """A program with the project's name, before objects deep within the project."""
    found = applications(tree)
    if not found or found[0].outer:
        return Found()
    name = normalise(packaging.name)
    for script in console_scripts(tree, packaging):
        own = name and (name.startswith(normalise(script.candidate.setting or "-")))
        if own and script.file and not script.helper:
            return Found((script.candidate,))
    if found[0].rank[1] < 2:
        return Found()
    files = scanned(tree, look=False, among=is_outer)
    probable = [p.candidate for p in files if not is_unlikely(p.file)]
    return Found(tuple(probable)) if len(probable) == 1 else Found()


def _objects(tree: SourceTree, packaging: Packaging) -> Found:
    """Application objects and factories, with a server that is added."""
    found = applications(tree)
    best = [a for a in found if a.rank[:3] == found[0].rank[:3]]
    if found and not found[0].outer and _is_collection(tree):
        best = []
    served = [serve(tree, app, packaging) for app in found[:8]]
    return Found(tuple(served[: len(best)]), tuple(served[len(best) :]))


def _others(tree: SourceTree, packaging: Packaging) -> Found:
    """What starts, though it is not seen to serve."""
    scripts = console_scripts(tree, packaging)
    if packaging.library:
        return Found((), tuple(s.candidate for s in scripts))
    good = [s.candidate for s in scripts if s.file and not s.helper]
    rest = tuple(s.candidate for s in scripts if not s.file or s.helper)
    programs = placed(tree, packaging)
    if good or programs:
        return _first(good, programs, packaging, rest)
    likely = scanned(tree, look=False, among=is_likely)
    if packaging.packaged:
        # Deeper in a distribution without scripts, a file is a part of a library.
        outer = [p for p in likely if "/" not in p.file.removeprefix("src/")]
        found = _likeliest(outer)
        return Found(found.best, (*found.rest, *(p.candidate for p in likely)))
    if not likely and not _is_collection(tree):
        likely = scanned(tree, look=False, among=lambda _: True)
    found = _likeliest(likely)
    return Found(found.best, (*found.rest, *rest))


_LEVELS = (_django, _streamlit, _serving, _namesake, _objects, _others)


def shift(candidate: Candidate, folder: str) -> Candidate:
    """The candidate of a sub-project, as seen from the tree above `folder`."""

    def placed(path: str) -> str:
        # Also within the text of `sh -c`, where a variable asks for a shell.
        return _APP.sub(lambda _: place_of(folder), path)

    return replace(
        candidate,
        value=placed(candidate.value)
        if candidate.kind == "command"
        else candidate.value,
        command=tuple(placed(word) for word in candidate.command),
        evidence=tuple(
            replace(e, file=f"{folder}/{e.file}") for e in candidate.evidence
        ),
        python_path=placed(candidate.python_path),
        workdir=placed(candidate.workdir),
        folder=f"{folder}/{candidate.folder}".rstrip("/"),
        env=tuple((name, placed(value)) for name, value in candidate.env),
        setting="",
    )
