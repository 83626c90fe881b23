"""What a YAML scalar means: text, number, truth or nothing."""

from __future__ import annotations

import math
import re

from karst.config.nodes import ScalarNode
from karst.errors import ConfigError

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRUTHS = {"true": True, "True": True, "TRUE": True}
_TRUTHS |= {"false": False, "False": False, "FALSE": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_DIGITS = 300


class WrittenInt(int):
    """An int that keeps its text, for where text is wanted after all (`0x1F`)."""

    text: str


class WrittenFloat(float):
    """A float that keeps its text, for where text is wanted after all (`1.10`)."""

    text: str


Scalar = str | bool | WrittenInt | WrittenFloat | None


def resolve_scalar(node: ScalarNode, where: str) -> Scalar:
    """Return what `node` stands for (YAML 1.2 core schema); raises ConfigError."""
    if node.tag not in (None, "!", "tag:yaml.org,2002:str"):
        raise ConfigError(
            f"the tag '{node.tag}' means nothing here",
            where=where,
            remedy="remove the tag",
        )
    if node.plain and node.tag is None:
        if node.text in _NULLS:
            return None
        if node.text in _TRUTHS:
            return _TRUTHS[node.text]
        if len(node.text) <= _DIGITS:
            if _INT.fullmatch(node.text):
                return _int(node.text)
            if _FLOAT.fullmatch(node.text) and math.isfinite(float(node.text)):
                number = WrittenFloat(node.text)
                number.text = node.text
                return number
    return check_text(node.text, where)


def _int(text: str) -> WrittenInt:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = WrittenInt(int(text[2:] if base != 10 else text, base))
    number.text = text
    return number


def check_text(text: str, where: str) -> str:
    """Return `text`; raises ConfigError for what no program can be handed."""
    # U+0000 ends an argument, a variable and a path; half a surrogate pair is no UTF-8.
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ConfigError(
            "the text holds a character that no program can be given",
            where=where,
            remedy="remove the NUL or the half of a surrogate pair",
        )
    return text
