"""A forge's own OpenAPI description, as the judge of what a fake answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.fakes.node_modules import find_package

_DOCUMENT = "urn:description"


def _unless_null(keyword: Any) -> Any:
    """OpenAPI 3.0's `nullable`, which JSON Schema does not know."""

    def check(
        validator: Validator, value: Any, instance: Any, schema: dict[str, Any]
    ) -> Iterator[Any]:
        if instance is None and schema.get("nullable"):
            return
        yield from keyword(validator, value, instance, schema) or ()

    return check


_NullableValidator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft4Validator,
    {n: _unless_null(k) for n, k in jsonschema.Draft4Validator.VALIDATORS.items()},
)


class Description:
    """The operations of an API and the schemas of their answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        resource = Resource.from_contents(document, default_specification=DRAFT4)
        self._registry = Registry().with_resource(_DOCUMENT, resource)

    def faults(self, method: str, template: str, status: int, body: bytes) -> list[str]:
        """Say what is wrong with an answer; empty where it is as described."""
        operation = self._document["paths"].get(template, {}).get(method.lower())
        place = f"{method} {template} {status}"
        if operation is None:
            return [f"{method} {template}: the API has no such operation"]
        response = self._follow(operation["responses"].get(str(status)))
        if response is None:
            return [f"{place}: the operation has no such status"]
        content = response.get("content", {})
        if not content:
            return [f"{place}: the answer has no body"] if body else []
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            return [f"{place}: the answer is no JSON"]
        return [f"{place}: {fault}" for fault in self._check(schema, body)]

    def schema_faults(self, name: str, body: bytes) -> list[str]:
        """Hold a body to one named schema."""
        wanted = {"$ref": f"#/components/schemas/{name}"}
        return [f"{name}: {fault}" for fault in self._check(wanted, body)]

    def declares(self, method: str, template: str, status: int) -> bool:
        operation = self._document["paths"].get(template, {}).get(method.lower(), {})
        return str(status) in operation.get("responses", {})

    def _follow(self, response: dict[str, Any] | None) -> dict[str, Any] | None:
        while response and "$ref" in response:
            place: Any = self._document
            for step in response["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            response = place
        return response

    def _check(self, schema: dict[str, Any], body: bytes) -> list[str]:
        try:
            instance = json.loads(body)
        except ValueError:
            return ["the body is no JSON"]
        validator = _NullableValidator(
            _absolute(schema),
            registry=self._registry,
            format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
        )
        return [
            f"{fault.json_path}: {fault.message}"
            for fault in validator.iter_errors(instance)
        ]


def _absolute(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references led into the whole document."""
    text = re.sub(r'"\$ref": "#/', f'"$ref": "{_DOCUMENT}#/', json.dumps(schema))
    absolute: dict[str, Any] = json.loads(text)
    return absolute


@cache
def github_description() -> Description:
    """GitHub's description, from the npm package that bootstrap installs."""
    file = find_package("@octokit/openapi") / "generated/api.github.com.json"
    return Description(json.loads(file.read_text()))
