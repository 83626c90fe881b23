"""Reads the labels of a Dockerfile, as far as finding an entrypoint asks for it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

# Far above what anybody writes; each costs the more, the more there are before it.
_MOST = 2000
_ESCAPE_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in upper case, the rest, and its first line."""

    word: str
    text: str
    line: int


def instructions(text: str) -> tuple[Instruction, ...]:
    """Split a Dockerfile into instructions, continued lines joined.

    One with more than 2,000 of them is taken for none at all.
    """
    found: list[Instruction] = []
    directive = _ESCAPE_DIRECTIVE.match(text)
    escape = directive.group(1) if directive else "\\"
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        # A comment, or an empty line, inside of a continued instruction is skipped.
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start or number
        stripped = line.rstrip()
        if stripped.endswith(escape):
            pending += stripped[:-1] + " "
            continue
        word, _, rest = (pending + stripped).strip().partition(" ")
        found.append(Instruction(word.upper(), rest.strip(), start))
        pending, start = "", 0
    return tuple(found) if len(found) <= _MOST else ()


def label(text: str, name: str) -> tuple[str, int] | None:
    """Return the last value of LABEL `name` and its line, or None."""
    last = None
    for instruction in instructions(text):
        if instruction.word != "LABEL":
            continue
        for key, value in _pairs(instruction.text):
            if key == name:
                last = (value, instruction.line)
    return last


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that never closes
        return []
    if words and "=" not in words[0]:  # the old form: LABEL key value with spaces
        return [(words[0], " ".join(words[1:]))]
    return [(key, value) for key, _, value in (word.partition("=") for word in words)]
