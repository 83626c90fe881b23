"""The small types of repos.yaml: what each accepts, and the sentence it refuses with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, Discriminator, WithJsonSchema
from pydantic_core import PydanticCustomError

from karst.config.quantity import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
)
from karst.config.scalars import WrittenFloat, WrittenInt

_T = TypeVar("_T", int, float)
_DAY = 86_400
# Type of an error whose message is our own: what is wrong, a newline, the remedy.
REFUSED: Final = "refused"

# Tags of the alternatives of a choice. pydantic puts them into an error's location,
# where the NUL tells them from what somebody wrote: no document holds one.
TAG_MARK = "\0"
TEXT, NUMBER, TRUTH = "\0text", "\0number", "\0truth"
LIST, MAPPING = "\0list", "\0mapping"


def refuse(what: str, remedy: str) -> NoReturn:
    """Refuse a value from within a validator, with a sentence of our own."""
    raise PydanticCustomError(
        REFUSED, "{sentences}", {"sentences": f"{what}\n{remedy}"}
    )


def choice(what: str, remedy: str) -> Discriminator:
    """Choose among alternatives by the kind of value, so that one of them complains."""
    return Discriminator(
        _tag,
        custom_error_type=REFUSED,
        custom_error_message=f"{what}\n{remedy}",
    )


def _tag(value: Any) -> str | None:
    if isinstance(value, bool):
        return TRUTH
    kinds = {str: TEXT, int: NUMBER, list: LIST, dict: MAPPING, BaseModel: MAPPING}
    return next((tag for kind, tag in kinds.items() if isinstance(value, kind)), None)


def _word(value: Any) -> Any:
    """Take numbers as they were written and truths in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    return value


def _quantity(value: Any, parse: Callable[[Any], _T], remedy: str) -> _T:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse("a text or a number is wanted here", remedy)
    try:
        return parse(value)
    except ValueError as error:
        refuse(str(error), remedy)


def _duration(value: Any) -> float:
    remedy = "write it as 30s, 500ms, 2m, or a number of seconds, at most 24h"
    seconds = _quantity(value, parse_duration, remedy)
    if not 0 < seconds <= _DAY:
        refuse("a duration is more than 0 and at most 24h", remedy)
    return seconds


def _memory(value: Any) -> int:
    remedy = "write it as 256MiB, 1GiB, or a whole number of bytes"
    if isinstance(value, float):
        refuse(f"'{_word(value)}' is no size in whole bytes", remedy)
    size = _quantity(value, parse_size, remedy)
    # The engine refuses a container with less than 6 MiB.
    if not 6 << 20 <= size < 1 << 50:
        refuse("memory is at least 6MiB", remedy)
    return size


def _switch(value: Any) -> Any:
    """Take on/off and yes/no as words, which YAML 1.2 no longer reads as truths."""
    if isinstance(value, str):
        return {"on": True, "yes": True, "off": False, "no": False}.get(
            value.lower(), value
        )
    return value


def _either(*options: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(options)}


_TEXT = {"type": "string"}
_NUMBER = {"type": "number", "exclusiveMinimum": 0, "maximum": _DAY}

Word = Annotated[
    str,
    BeforeValidator(_word),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(_either(_TEXT | {"pattern": DURATION_PATTERN}, _NUMBER)),
]
Memory = Annotated[
    int,
    BeforeValidator(_memory),
    WithJsonSchema(
        _either(
            _TEXT | {"pattern": SIZE_PATTERN},
            {"type": "integer", "minimum": 6 << 20},
        )
    ),
]
Switch = Annotated[
    bool,
    BeforeValidator(_switch),
    WithJsonSchema(
        _either({"type": "boolean"}, {"enum": ["on", "off", "yes", "no"]}),
    ),
]
