""".env read strictly: a line that means nothing is an error, nothing is expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO

# `dotenv_values` logs a bad line and goes on, drops line numbers, and expands ${X} from
# the process's environment; the parser below it does none of these.
from dotenv.parser import Binding, parse_stream

from karst.errors import ConfigError


@dataclass(frozen=True)
class DotenvValue:
    """The text of a variable, and the line it stands on."""

    text: str
    line: int


def parse_dotenv(text: str, *, source: str = ".env") -> Mapping[str, DotenvValue]:
    """Return the variables of a .env file, the last of equal names; or ConfigError."""
    values: dict[str, DotenvValue] = {}
    for binding in parse_stream(StringIO(text.removeprefix("\ufeff"))):
        line = _line(binding)
        if binding.error or (binding.key is not None and binding.value is None):
            raise ConfigError(
                "this line sets no variable",
                where=f"{source}:{line}",
                remedy="write NAME=value, with quotes around a value of several words or lines",
            )
        if binding.key is None:
            continue
        value = binding.value or ""
        if "\0" in value or "\0" in binding.key:
            raise ConfigError(
                "a variable can't hold a NUL character",
                where=f"{source}:{line}",
                remedy="remove it",
            )
        values[binding.key] = DotenvValue(value, line)
    return values


def _line(binding: Binding) -> int:
    """Return the line of a binding; the parser counts from the blank lines before."""
    written = binding.original.string
    blank = written[: len(written) - len(written.lstrip())]
    return binding.original.line + blank.count("\n")
