"""How a program starts: the answer, what speaks for it, and what else was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["module", "function", "file", "script", "command", "dockerfile"]

# Where the files of a checkout stand in an image built from karst's template.
APP = "/app"


@dataclass(frozen=True)
class Evidence:
    """A line that speaks for an answer.

    `file` is relative to the tree, or says where else the text stands; `line` counts
    from 1, 0 where there is none.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Candidate:
    """A way to start the program that some rule found.

    Attributes:
        kind: what `value` names.
        value: a module, `module:function`, a file, a console script's name, a
            command line as text, or "Dockerfile".
        command: argv as run in the image; () for kind "dockerfile", whose image
            keeps its own.
        rule: the rule or override that found it, for people.
        evidence: the lines that speak for it.
        python_path: a folder of the image for PYTHONPATH, or "".
        setting: what to write as `entrypoint:` in repos.yaml to choose it, or "".
    """

    kind: Kind
    value: str
    command: tuple[str, ...]
    rule: str
    evidence: tuple[Evidence, ...] = ()
    python_path: str = ""
    setting: str = ""


@dataclass(frozen=True)
class Entrypoint:
    """The chosen candidate's own words, the work folder, and the candidates not taken.

    Attributes are those of Candidate; `workdir` is the image's folder to start in;
    `candidates` come in the order of the rules.
    """

    kind: Kind
    value: str
    command: tuple[str, ...]
    workdir: str
    rule: str
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...] = ()
    python_path: str = ""


def choose(chosen: Candidate, others: tuple[Candidate, ...] = ()) -> Entrypoint:
    """Make `chosen` the Entrypoint, with `others` as the candidates not taken."""
    return Entrypoint(
        kind=chosen.kind,
        value=chosen.value,
        command=chosen.command,
        workdir=APP,
        rule=chosen.rule,
        evidence=chosen.evidence,
        candidates=others,
        python_path=chosen.python_path,
    )
