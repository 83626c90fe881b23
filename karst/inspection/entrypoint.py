"""How a program starts: the answer, what speaks for it, and what else was found."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Kind = Literal["module", "function", "file", "script", "command", "dockerfile"]
Protocol = Literal["http", "grpc", "tcp", "none"]

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
        value: a module, `module:function`, a file, a console script's name (with
            arguments, where it needs some), a command line as text, or "Dockerfile".
        command: argv as run in the image; for kind "dockerfile", whose image keeps
            its own, what that is, as far as it can be read.
        rule: the rule or override that found it, for people.
        evidence: the lines that speak for it.
        python_path: a folder of the image for PYTHONPATH, or "".
        setting: what to write as `entrypoint:` in repos.yaml to choose it, or "".
        workdir: the image's folder to start in.
        folder: the tree's folder whose manifest names the dependencies, "" for the
            tree itself.
        port: what it listens on where nobody says otherwise; None: not known, or PORT.
        protocol: what it speaks; "none" is a worker, None is not known.
        packages: requirements of the command itself that the project does not name.
        env: variables that the author declared beside the command.
    """

    kind: Kind
    value: str
    command: tuple[str, ...]
    rule: str
    evidence: tuple[Evidence, ...] = ()
    python_path: str = ""
    setting: str = ""
    workdir: str = APP
    folder: str = ""
    port: int | None = None
    protocol: Protocol | None = None
    packages: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Entrypoint(Candidate):
    """The chosen candidate; `candidates` not taken come in the order of the rules."""

    candidates: tuple[Candidate, ...] = ()


def choose(chosen: Candidate, others: tuple[Candidate, ...] = ()) -> Entrypoint:
    """Make `chosen` the Entrypoint, with `others` as the candidates not taken."""
    values = {f.name: getattr(chosen, f.name) for f in fields(Candidate)}
    return Entrypoint(**values, candidates=others)
