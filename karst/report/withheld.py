"""A report without the run's secrets: taken out before anything is written or cut.

A rendering writes a value in its own way (`\\"` in JSON, `&amp;` in XML, `\\|` in a table)
or cuts it in two, and then nobody finds it there any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Literal, TypeVar, get_origin, get_type_hints

from karst.secret import Secret, redact

_T = TypeVar("_T")
# Terraform's words; what is counted must not depend on what somebody's secret is.
_WORDS = ("actions", "role")


def withhold(value: _T, secrets: tuple[Secret, ...]) -> _T:
    """The same value with every text in it redacted; keys of mappings stay."""
    found: Any = value
    if isinstance(value, str):
        found = redact(value, secrets)
    elif isinstance(value, tuple | list):
        found = type(value)(withhold(each, secrets) for each in value)
    elif isinstance(value, Mapping):
        found = {key: withhold(each, secrets) for key, each in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        texts = {n: withhold(getattr(value, n), secrets) for n in _texts(type(value))}
        found = replace(value, **texts)
    kept: _T = found
    return kept


@cache
def _texts(kind: type) -> tuple[str, ...]:
    """Fields that may hold others' text: not those that take karst's own words only."""
    hints = get_type_hints(kind)
    return tuple(
        field.name
        for field in fields(kind)
        if get_origin(hints[field.name]) is not Literal and field.name not in _WORDS
    )
