"""The tables of repos.yaml's keys, from its schema, and its refusals, from its parser."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from karst.config.json_schema import render_json_schema
from karst.config.parse import parse_stack
from karst.config.quantity import DURATION_PATTERN, SIZE_PATTERN, render_duration
from karst.errors import ConfigError
from pages.blocks import table
from pages.samples import EXAMPLES, FAULTS

_DURATIONS = ("grace", "interval", "timeout")


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render_json_schema())["$defs"]
    return found


def render_keys(model: str) -> str:
    """Every key of one model: type, default, meaning, example. KeyError for a gap."""
    rows = []
    definition = _definitions()[model]
    for name, schema in definition["properties"].items():
        example = EXAMPLES[model][name]
        rows.append(
            (
                f"`{name}`",
                _kind(schema),
                _default(name, schema),
                schema.get("description") or _described(schema) or "The services",
                f"`{example}`",
            )
        )
    return table(("key", "type", "default", "what it says", "example"), rows)


def render_faults(model: str) -> str:
    """What karst answers to faulty values of one model's keys."""
    rows = []
    for text in FAULTS[model]:
        try:
            parse_stack(text, source="repos.yaml", default_name="shop")
        except ConfigError as error:
            rows.append(
                (f"`{_written(text)}`", f"{_sentence(error.what)} *{error.remedy}*")
            )
        else:
            raise ValueError(f"karst takes what is meant as a fault: {text}")
    return table(("written", "answer"), rows)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _written(text: str) -> str:
    """The fault without the slug that every entry needs."""
    return text.removeprefix("- ").replace("slug: gh:acme/web, ", "").strip()


def _kind(schema: dict[str, Any]) -> str:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_kind(part) for part in schema[key]))
    if "$ref" in schema:
        return "mapping"
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "pattern" in schema:
        known = {DURATION_PATTERN: "duration", SIZE_PATTERN: "size"}
        return known.get(schema["pattern"], "text")
    return _plain_kind(schema)


def _plain_kind(schema: dict[str, Any]) -> str:
    match schema["type"]:
        case "array":
            return f"list of {_kind(schema['items'])}"
        case "object":
            return f"mapping of names to {_kind(schema['additionalProperties'])}"
        case "integer" | "number" if "maximum" in schema:
            least = schema.get("minimum", schema.get("exclusiveMinimum"))
            above = "above " if "exclusiveMinimum" in schema else ""
            return f"number ({above}{least:g} to {schema['maximum']:g})"
        case "integer":
            return "whole number"
        case "boolean":
            return "true or false"
    return "text"


def _default(name: str, schema: dict[str, Any]) -> str:
    value = schema.get("default")
    if name in _DURATIONS and isinstance(value, float):
        return f"`{render_duration(value)}`"
    if "default" in schema.get("description", "") or name == "health":
        return "see there"
    if value in (None, [], {}):
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _described(schema: dict[str, Any]) -> str:
    """The first line of what a mapping's own model says of itself."""
    reference = schema.get("$ref", "").rpartition("/")[2]
    return (
        str(_definitions()[reference]["description"]).rstrip(".") if reference else ""
    )
