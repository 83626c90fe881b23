"""`case` in start scripts: the branch that the arguments or the variables choose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from karst.inspection.shell import expand

_CASE = re.compile(r"\s*case\s+(.+?)\s+in\s*$")
_NESTED = re.compile(r"\s*case\s.*\sin\b(?!.*\besac\b)")
_END = re.compile(r"\s*esac\b")
_BRANCH = re.compile(r"\s*\(?([^()]*)\)")
_LONGEST = 500  # of a line that is looked at: the patterns step back on long ones
_ARGUMENT = re.compile(r"\$(?:\{([1-9@*])(?::?-([^}]*))?\}|([1-9@*]))")


def chosen(
    lines: Sequence[str], values: Mapping[str, str], arguments: Sequence[str]
) -> list[str]:
    """The script's lines, those of other branches empty; each keeps its number.

    A `case` whose word is not known beforehand stays as it is.
    """
    found = list(lines)
    if any(len(line) > _LONGEST and "case" in line for line in found):
        return found
    number = 0
    while number < len(found):
        match = _CASE.match(found[number])
        end = _end(found, number) if match else number
        word = _word(match[1], values, arguments) if match else None
        if word is not None:
            _keep_one(found, number + 1, end, word)
        number = max(end, number) + 1
    return found


def _end(lines: Sequence[str], start: int) -> int:
    depth = 0
    for number in range(start, len(lines)):
        depth += bool(_NESTED.match(lines[number])) - bool(_END.match(lines[number]))
        if depth <= 0:
            return number
    return len(lines)


def _word(
    subject: str, values: Mapping[str, str], arguments: Sequence[str]
) -> str | None:
    def argument(match: re.Match[str]) -> str:
        which = match[1] or match[3]
        given = " ".join(arguments) if which in "@*" else ""
        if which not in "@*" and int(which) <= len(arguments):
            given = arguments[int(which) - 1]
        return given or match[2] or ""

    word = expand(_ARGUMENT.sub(argument, subject), values).strip("\"'")
    return None if "$" in word or "`" in word else word


def _keep_one(lines: list[str], start: int, end: int, word: str) -> None:
    """Empty all lines between but those of the first branch that matches."""
    depth, begins, keep, done = 0, True, False, False
    for number in range(start, min(end, len(lines))):
        line = lines[number]
        branch = _BRANCH.match(line) if begins and not depth else None
        if branch:
            patterns = [p.strip().strip("\"'") for p in branch[1].split("|")]
            keep = not done and any(fnmatchcase(word, p) for p in patterns)
            done = done or keep
            begins = False
        depth += bool(_NESTED.match(line)) - bool(_END.match(line))
        if line.rstrip().endswith(";;") and not depth:
            begins = True
        if not keep:
            lines[number] = ""
