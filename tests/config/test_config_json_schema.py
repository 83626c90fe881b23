"""docs/repos.schema.json is what the models say, and takes what the parser takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from karst.config.document import read_document
from karst.config.json_schema import render_json_schema
from karst.config.parse import parse_stack
from karst.errors import KarstError

COMMITTED = Path(__file__).parents[2] / "docs" / "repos.schema.json"

# The full form of repos.yaml as the documentation shows it.
FULL = """\
name: shop
services:
  - gh:acme/web
  - slug: gl:acme/platform/api#v1.4.2
    name: api
    path: services/api
    entrypoint: api.main:run
    detection: declared
    port: 8000
    protocol: http
    kind: service
    needs: [migrate]
    env: {LOG_LEVEL: info, WORKERS: 2, DEBUG: true}
    secrets: [DATABASE_URL]
    health: {http: /healthz, grace: 30s, interval: 2s, timeout: 2s}
    calls: [billing]
    publish: 127.0.0.1:8080
    build: {with: auto, ca_bundle: ca.pem, secrets: [PIP_TOKEN]}
    volumes: {data: /var/lib/app}
    resources: {cpus: 0.5, memory: 256MiB}
  - slug: bb:acme/billing
    build: dockerfile
    entrypoint: [billing, serve, 8]
    publish: {listen: 0.0.0.0:443, tls: {certificate: A, key: B}}
    health: {tcp: true, grace: 5}
  - {slug: file:./migrate, kind: job}
  - image: postgres:17
    name: db
    port: 5432
    protocol: tcp
    user: "999:999"
mesh: {network: iacnet, subnet: 172.20.0.0/16, default: allow, keeper: off}
target: {docker_host: ssh://deploy@host}
state: {backend: pg, config: {schema_name: shop}}
"""
GOOD = (FULL, "- gh:acme/web\n- slug: gh:acme/api\n", "slugs: [gh:acme/web]\n")
BAD = (
    "[]",
    "{}",
    "gh:acme/web",
    "slugs: []",
    "services: [gh:acme/web]\nslugs: [gh:acme/web]",
    "- {slug: gh:acme/web, helth: {tcp: true}}",
    "- {slug: gh:acme/web, image: web}",
    "- {name: web}",
    "- {slug: gh:acme/web, port: 70000}",
    "- {slug: gh:acme/web, health: {grace: 5s}}",
    "- {slug: gh:acme/web, health: {tcp: true, http: /}}",
    "- {slug: gh:acme/web, health: {tcp: true, grace: 5 seconds}}",
    "- {slug: gh:acme/web, resources: {memory: 256MB}}",
    "- {slug: gh:acme/web, publish: {tls: true}}",
    "services: [gh:acme/web]\nmesh: {default: maybe}",
)


def errors(text: str) -> list[Any]:
    validator = Draft202012Validator(json.loads(COMMITTED.read_text()))
    return list(validator.iter_errors(read_document(text, source="x").data))


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert json.loads(COMMITTED.read_text()) == json.loads(render_json_schema())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(render_json_schema()))


def test_it_holds_no_null() -> None:
    assert "null" not in render_json_schema()


@pytest.mark.parametrize("text", GOOD)
def test_what_both_take(text: str) -> None:
    assert errors(text) == []
    parse_stack(text, source="repos.yaml", default_name="shop")


@pytest.mark.parametrize("text", BAD)
def test_what_both_refuse(text: str) -> None:
    assert errors(text)
    with pytest.raises(KarstError):
        parse_stack(text, source="repos.yaml", default_name="shop")
