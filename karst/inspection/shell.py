"""Reads shell command lines: words, variables with defaults, simple commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress

_NESTED = re.compile(r"\$\{(\w+)(?::?([-=+?])([^${}]*))?\}")
_PLAIN = re.compile(r"\$(\w+)")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SEPARATORS = re.compile(r"[;&|()\n]+")
# Far above any command line; beyond it, a text is left as it stands.
_LONGEST = 1 << 14
# Variables of the platforms that name the port to listen on.
PORT = "$PORT"


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace variables that are known or have a default.

    PORT stays as `$PORT`, for it is known only when the service runs; others that
    are not known stay as they are, and so does a text that is or becomes too long.
    """

    room = _LONGEST - len(text)
    if room < 0:
        return text

    def known(name: str, otherwise: str) -> str:
        nonlocal room
        value = values.get(name, otherwise)
        room -= len(value)
        if room < 0:  # values made of values would grow without end
            raise OverflowError
        return value

    def braced(match: re.Match[str]) -> str:
        name, sign, default = match.groups()
        if name == "PORT":
            return "\1"  # no dollar sign: it may be a default itself
        if name in values:
            return known(name, "")
        return default if sign in ("-", "=") else f"\0{name}\0"

    def plain(match: re.Match[str]) -> str:
        return match[0] if match[1] == "PORT" else known(match[1], match[0])

    new = text
    try:
        for _ in range(8):
            former, new = new, _NESTED.sub(braced, new)
            if new == former:
                break
        new = _PLAIN.sub(plain, new)
    except OverflowError:
        return text
    return re.sub(r"\0(\w+)\0", r"${\1}", new).replace("\1", PORT)


def default_port(text: str) -> int | None:
    """The default that the text gives PORT, as in `${PORT:-8000}`."""
    match = re.search(r"\$\{PORT:?[-=](?:\$\{\w+:?[-=])?(\d+)\}", text)
    return int(match[1]) if match else None


def simple_commands(text: str) -> list[list[str]]:
    """Split `text` at `;`, `&&`, `||`, `|`, `&` and line ends into lists of words.

    A text beyond all measure has none.
    """
    if len(text) > 4 * _LONGEST:
        return []
    text = text.replace("\\\n", " ")
    try:  # a quoted text may go over several lines
        return _split(text)
    except ValueError:  # a quote that never closes: what stands on other lines counts
        found: list[list[str]] = []
        for line in text.splitlines():
            with suppress(ValueError):
                found += _split(line)
        return found


def _split(text: str) -> list[list[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace_split = True
    lexer.whitespace = " \t\r"
    lexer.commenters = "" if "\n" in text else "#"
    commands: list[list[str]] = [[]]
    for word in lexer:
        if _SEPARATORS.fullmatch(word):
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def take_assignments(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Part `A=1 B=2 program ...` into its assignments and the rest."""
    found = []
    rest = list(words)
    while rest and (match := _ASSIGNMENT.fullmatch(rest[0])):
        found.append((match[1], match[2]))
        rest = rest[1:]
    return found, rest


def quote(words: Iterable[str]) -> str:
    """Join words for a shell; `$VARIABLES` in them stay alive."""
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    if "$" not in word:
        return shlex.quote(word)
    if re.fullmatch(r"[\w$@%+=:,./-]+", word, re.ASCII):
        return word
    escaped = re.sub(r'(["\\`])', r"\\\1", word)
    return f'"{escaped}"'


def as_argv(words: list[str]) -> tuple[str, ...]:
    """Argv that runs `words`: through a shell only where a variable asks for it."""
    if any("$" in word for word in words):
        return ("sh", "-c", f"exec {quote(words)}")
    return tuple(words)
