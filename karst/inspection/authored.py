"""What an author declared as the command, as a Candidate; one level into a script."""

from __future__ import annotations

import re
from dataclasses import replace

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.packaging import Packaging, packaging_at
from karst.inspection.places import (
    home_of_module,
    manifest_folder,
    moved,
    python_path_of,
)
from karst.inspection.shell import (
    as_argv,
    default_port,
    expand,
    quote,
    simple_commands,
)
from karst.inspection.source import SourceTree
from karst.inspection.start_script import (
    NO_PROGRAMS,
    STEPS,
    Scripted,
    script_of,
    scripted,
)
from karst.inspection.translate import Place, Translated, bare, translate

_SHELLS = ("sh", "bash", "ash", "dash", "zsh")


def authored(
    tree: SourceTree,
    packaging: Packaging,
    command: str | list[str],
    place: Place,
    rule: str,
    *evidence: Evidence,
) -> Candidate | None:
    """Translate a command, argv or shell text; None where this tree can't run it."""
    packaging = packaging_at(tree, manifest_folder(tree, place.folder))
    if isinstance(command, list):
        words = [expand(word, place.values) for word in command]
        default = next(filter(None, map(default_port, command)), None)
        _, words = bare(words)
        if words and words[0].rpartition("/")[2] in _SHELLS and len(words) > 1:
            flag = re.fullmatch(r"-[a-z]*c", words[1])
            if flag and len(words) > 2:
                text = command[len(command) - len(words) + 2]
                return authored(tree, packaging, text, place, rule, *evidence)
            words = words[1:] if not words[1].startswith("-") else words[2:]
        commands = [words]
    else:
        default = default_port(command)
        commands = simple_commands(expand(command, place.values))
    steps: list[list[str]] = []
    env: list[tuple[str, str]] = []
    chosen: Translated | None = None
    shown = tuple(evidence)
    for words in commands:
        inner = _nested(words)
        if inner:
            return authored(tree, packaging, inner, place, rule, *evidence)
        if words[:1] == ["cd"] and len(words) > 1:
            place = moved(tree, place, words[1])
            continue
        read = _one(tree, packaging, words, place)
        shown += read.evidence
        one = read.found
        if one is None:
            continue
        place = read.place
        if chosen is not None and STEPS.match(" ".join(chosen.words)):
            steps.append(chosen.words)
        env += one.env
        steps += map(list, one.steps)
        chosen = one
    if chosen is None:
        return None
    home = home_of_module(tree, place, chosen.words)
    if home is None:
        return None
    place = home
    port = default if chosen.protocol != "none" and default else chosen.port
    names = {script.name for script in packaging.scripts}
    return Candidate(
        "script" if chosen.words[0] in names else "command",
        quote(chosen.words),
        _argv(steps, chosen.words),
        rule,
        shown,
        python_path=python_path_of(tree, place, chosen.words),
        workdir=place_of(place.folder),
        folder=manifest_folder(tree, place.folder),
        port=port,
        protocol=chosen.protocol,
        packages=chosen.packages,
        env=tuple(env),
    )


def _nested(words: list[str]) -> str:
    """The text of `sh -c text`, where that is the command; "" elsewhere."""
    _, rest = bare(words)
    is_shell = len(rest) > 2 and rest[0].rpartition("/")[2] in _SHELLS
    return rest[2] if is_shell and re.fullmatch(r"-[a-z]*c", rest[1]) else ""


def _argv(steps: list[list[str]], words: list[str]) -> tuple[str, ...]:
    if not steps:
        return as_argv(words)
    text = " && ".join([*map(quote, steps), f"exec {quote(words)}"])
    return ("sh", "-c", text)


def _one(
    tree: SourceTree, packaging: Packaging, words: list[str], place: Place
) -> Scripted:
    """Translate one command, or what the script that it names starts."""
    env, rest = bare(words)
    rest = [*rest[1:]] if rest[:1] and rest[0] in _SHELLS else rest
    if not rest:
        return Scripted(None, (), place)
    path = script_of(tree, rest[0], place)
    if path is not None:
        return scripted(tree, packaging, path, rest, place)
    if rest[0].rpartition("/")[2] in NO_PROGRAMS:
        return Scripted(None, (), place)
    found = translate(tree, rest, place, packaging)
    found = replace(found, env=(*env, *found.env)) if found else None
    return Scripted(found, (), place)
