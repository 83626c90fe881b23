"""The JSON Schema of repos.yaml, for editors and for other programs.

`docs/repos.schema.json` is this text, and a test keeps it so.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from karst.config.schema import Services, StackModel


class _Generator(GenerateJsonSchema):
    """Leaves nulls out: repos.yaml has none, an absent key says as much."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        value = super().default_schema(schema)
        if value.get("default") is None or isinstance(value["default"], dict):
            value.pop("default", None)
        return value

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def render_json_schema() -> str:
    """Return the schema (draft 2020-12) as indented JSON with a newline at its end."""
    adapter: TypeAdapter[Any] = TypeAdapter(StackModel | Services)
    schema = adapter.json_schema(schema_generator=_Generator)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "repos.yaml",
        "description": "A list of slugs, or a stack with services",
    }
    return json.dumps(head | schema, indent=2) + "\n"
