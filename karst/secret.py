"""A value that must not be seen: it redacts itself wherever it is shown."""

from __future__ import annotations

from typing import NoReturn

REDACTED = "[REDACTED]"


class Secret:
    """Holds text that only `reveal()` gives back.

    `str`, `repr` and formatting give `[REDACTED]`; pickling is refused, so that a
    secret can't be written out by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be serialized")


def redact(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return `text` with every occurrence of each secret replaced.

    Longer values go first, so that a value that contains another is replaced whole.
    """
    values = sorted({s.reveal() for s in secrets if s.reveal()}, key=len, reverse=True)
    for value in values:
        text = text.replace(value, REDACTED)
    return text
