"""A command line as a value: built by pure code, run by `karst.effects.process`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from karst.secret import Secret


@dataclass(frozen=True)
class Command:
    """An argv and what it runs with; never a shell string.

    Attributes:
        argv: the program and its arguments.
        cwd: working directory, or None for the caller's.
        env: variables added to the allow-listed environment of every child.
        secrets: values to redact from the output and from error texts.
        timeout: seconds until the child is ended, or None.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[Secret, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What a finished command left: exit code (negative: signal), output, seconds."""

    command: Command
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code == 0
