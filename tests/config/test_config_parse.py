"""repos.yaml in all its shapes becomes the values it stands for."""

from __future__ import annotations

import json

import pytest
import yaml

from karst.config import nodes
from karst.config.parse import parse_stack
from karst.config.slug import Slug
from karst.config.spec import (
    BuildSpec,
    HealthSpec,
    MeshPorts,
    MeshSpec,
    PublishSpec,
    Resources,
    ServiceSpec,
    SmokeSpec,
    StackSpec,
    StateSpec,
    TargetSpec,
)
from karst.errors import ConfigError

DIGEST = "0123456789abcdef" * 4
FULL = f"""\
name: shop
services:
  - gh:acme/web
  - slug: gl:acme/platform/api#v1.4.2
    name: api
    path: services/api
    entrypoint: api.main:run
    detection: conventional
    port: 8001
    protocol: http
    kind: service
    needs: [migrate, migrate]
    env: {{LOG_LEVEL: info, RATE: 1.10, MASK: 0x1F, VERBOSE: true, COUNTRY: no, NONE: ''}}
    secrets: [DATABASE_URL]
    health: {{http: /healthz, grace: 1m30s, interval: 500ms, timeout: 3}}
    calls: [db]
    publish: {{listen: 0.0.0.0:8443, tls: {{certificate: WEB_PEM, key: WEB_KEY}}}}
    build: {{with: template, ca_bundle: ./ca.pem, secrets: [PIP_TOKEN]}}
    volumes: {{data: /var/lib/app}}
    resources: {{cpus: 0.5, memory: 256MiB}}
  - image: postgres:17@sha256:{DIGEST}
    name: db
    port: 5432
    protocol: tcp
    user: 999:999
    health: {{command: [pg_isready, -p, 5432]}}
  - slug: file:./migrate
    kind: job
    entrypoint: [python, -m, migrate, 1.0]
    build: dockerfile
mesh: {{network: shopnet, subnet: 10.9.0.0/24, default: deny, keeper: off}}
target: {{docker_host: ssh://deploy@host}}
state: {{backend: pg, config: {{schema_name: shop, skip_table_creation: true}}}}
"""


def parse(text: str, name: str = "shop") -> StackSpec:
    return parse_stack(text, source="repos.yaml", default_name=name)


def one(body: str) -> ServiceSpec:
    """Parse a list of one service with the given keys."""
    return parse(f"- {{slug: gh:acme/web, {body}}}\n").services[0]


def test_the_full_form() -> None:
    assert parse(FULL) == StackSpec(
        name="shop",
        services=(
            ServiceSpec(name="web", slug=Slug("gh", "acme/web"), line=3),
            ServiceSpec(
                name="api",
                slug=Slug("gl", "acme/platform/api", "v1.4.2"),
                path="services/api",
                entrypoint="api.main:run",
                detection="conventional",
                port=8001,
                needs=("migrate",),
                env={
                    "LOG_LEVEL": "info",
                    "RATE": "1.10",
                    "MASK": "0x1F",
                    "VERBOSE": "true",
                    "COUNTRY": "no",
                    "NONE": "",
                },
                secrets=("DATABASE_URL",),
                health=HealthSpec("http", "/healthz", (), 90.0, 0.5, 3.0),
                calls=("db",),
                publish=PublishSpec("0.0.0.0", 8443, "secrets", "WEB_PEM", "WEB_KEY"),
                build=BuildSpec("template", "./ca.pem", ("PIP_TOKEN",)),
                volumes={"data": "/var/lib/app"},
                resources=Resources(0.5, 256 * 1024 * 1024),
                line=4,
            ),
            ServiceSpec(
                name="db",
                image=f"postgres:17@sha256:{DIGEST}",
                port=5432,
                protocol="tcp",
                health=HealthSpec("command", "", ("pg_isready", "-p", "5432")),
                user="999:999",
                line=21,
            ),
            ServiceSpec(
                name="migrate",
                slug=Slug("file", "./migrate"),
                entrypoint=("python", "-m", "migrate", "1.0"),
                port=None,
                protocol="none",
                kind="job",
                health=HealthSpec("process"),
                build=BuildSpec("dockerfile"),
                line=27,
            ),
        ),
        mesh=MeshSpec("shopnet", "10.9.0.0/24", "deny", False),
        target=TargetSpec("ssh://deploy@host"),
        state=StateSpec("pg", {"schema_name": "shop", "skip_table_creation": "true"}),
    )


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
@pytest.mark.parametrize(
    "text",
    [
        "- gh:acme/web\n- gl:acme/x/api#main\n",
        "slugs: [gh:acme/web, 'gl:acme/x/api#main']\n",
        "services:\n  - gh:acme/web\n  - slug: gl:acme/x/api#main\n",
        "\ufeff- gh:acme/web\r\n- gl:acme/x/api#main\r\n",
        '[\n\t"gh:acme/web",\n\t"gl:acme/x/api#main"\n]\n',
        json.dumps({"slugs": ["gh:acme/web", "gl:acme/x/api#main"]}),
        json.dumps({"slugs": ["gh:acme/web", "gl:acme/x/api#main"]}, indent="\t"),
        "\ufeff" + json.dumps(["gh:acme/web", "gl:acme/x/api#main"], indent="\t"),
    ],
)
def test_every_shape(text: str, loader: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_Loader", loader)
    services = parse(text).services
    assert [(s.name, str(s.slug)) for s in services] == [
        ("web", "gh:acme/web"),
        ("api", "gl:acme/x/api#main"),
    ]


@pytest.mark.parametrize(
    ("body", "port", "protocol", "health"),
    [
        ("kind: service", 8000, "http", HealthSpec("tcp")),
        ("port: 80", 80, "http", HealthSpec("tcp")),
        ("protocol: grpc", 50051, "grpc", HealthSpec("tcp")),
        ("protocol: grpc, port: 50051", 50051, "grpc", HealthSpec("tcp")),
        ("protocol: tcp, port: 5432", 5432, "tcp", HealthSpec("tcp")),
        ("protocol: none", None, "none", HealthSpec("process")),
        ("kind: job", None, "none", HealthSpec("process")),
        ("kind: job, protocol: none", None, "none", HealthSpec("process")),
        (
            "kind: job, health: {process: true, grace: 10m}",
            None,
            "none",
            HealthSpec("process", grace=600.0),
        ),
        ("health: {grpc: ''}", 8000, "http", HealthSpec("grpc")),
        ("health: {grpc: a.B}", 8000, "http", HealthSpec("grpc", "a.B")),
    ],
)
def test_defaults_of_port_protocol_and_health(
    body: str, port: int | None, protocol: str, health: HealthSpec
) -> None:
    service = one(body)
    assert (service.port, service.protocol) == (port, protocol)
    assert service.health == health


@pytest.mark.parametrize(
    ("written", "publish"),
    [
        ("8080", PublishSpec("127.0.0.1", 8080)),
        ("'8080'", PublishSpec("127.0.0.1", 8080)),
        ("10.0.0.1:80", PublishSpec("10.0.0.1", 80)),
        ("localhost:80", PublishSpec("127.0.0.1", 80)),
        ("{listen: 8080}", PublishSpec("127.0.0.1", 8080)),
        ("{listen: 8080, tls: false}", PublishSpec("127.0.0.1", 8080)),
        ("{listen: '0.0.0.0:443', tls: true}", PublishSpec("0.0.0.0", 443, "stack")),
    ],
)
def test_doors(written: str, publish: PublishSpec) -> None:
    assert one(f"publish: {written}").publish == publish


@pytest.mark.parametrize(
    "user", ["1000", "1000:50", "0", "nobody", "www-data", "1:1337"]
)
def test_users_stay_as_written(user: str) -> None:
    assert one(f"user: {user}").user == user


def test_calls_that_are_empty_are_not_calls_that_are_absent() -> None:
    assert one("calls: []").calls == ()
    assert one("port: 80").calls is None


def test_a_service_may_call_itself() -> None:
    assert one("calls: [web]").calls == ("web",)


def test_secrets_that_only_resemble_the_steps_own() -> None:
    names = "[AWS_SECRET_ACCESS_KEY, MY_TOKEN, CIRCUIT, TFX, DATABASE_URL]"
    assert one(f"secrets: {names}").secrets == (
        "AWS_SECRET_ACCESS_KEY",
        "MY_TOKEN",
        "CIRCUIT",
        "TFX",
        "DATABASE_URL",
    )


def test_an_image_is_called_like_its_repository() -> None:
    (service,) = parse("- image: registry.example:5000/team/redis:7.2\n").services
    assert (service.name, service.slug) == ("redis", None)


def test_merged_and_shared_values() -> None:
    first, second = parse(
        "- {slug: gh:a/web, env: &env {A: x, B: y}}\n"
        "- {slug: gh:a/api, env: {<<: *env, B: z}}\n"
    ).services
    assert dict(first.env) == {"A": "x", "B": "y"}
    assert dict(second.env) == {"B": "z", "A": "x"}


def test_json_escapes_beyond_the_first_plane() -> None:
    text = json.dumps([{"slug": "gh:a/b", "env": {"A": "\U0001f600 \\ud83d\\ude00"}}])
    assert "\\ud83d" in text
    assert parse(text).services[0].env["A"] == "\U0001f600 \\ud83d\\ude00"


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My_Shop", "my-shop"), ("-a.b-", "a-b"), ("x" * 60, "x" * 40)],
)
def test_a_stack_without_name_is_called_like_its_folder(folder: str, name: str) -> None:
    assert parse("- gh:acme/web\n", folder).name == name


def test_the_network_and_the_ports_of_the_settings() -> None:
    ports = MeshPorts(inbound=16000, outbound=16001, admin=9902, grpc=50052)
    stack = parse_stack(
        "[{slug: gh:a/b, port: 15000}, {slug: gh:a/c, protocol: grpc}]",
        source="repos.yaml",
        default_name="shop",
        default_network="othernet",
        ports=ports,
    )
    assert stack.mesh.network == "othernet"
    assert [s.port for s in stack.services] == [15000, 50052]
    with pytest.raises(ConfigError, match="port 9902 is the sidecar's own"):
        parse_stack(
            "[{slug: gh:a/b, port: 9902}]",
            source="repos.yaml",
            default_name="shop",
            ports=ports,
        )


def test_jobs_that_wait_for_the_same_job_are_no_cycle() -> None:
    text = "".join(
        f"- {{slug: gh:a/j{i}, kind: job, needs: [{', '.join(f'j{k}' for k in range(i))}]}}\n"
        for i in range(40)
    )
    assert len(parse(text).services[39].needs) == 39


def test_smoke_requests_in_both_forms() -> None:
    found = one(
        "smoke: [/, {path: '/orders?n=1', method: POST, headers: {x-n: 1}, "
        "body: '{}', status: 201, contains: made, timeout: 5s}]"
    ).smoke
    assert found == (
        SmokeSpec("/"),
        SmokeSpec("/orders?n=1", "POST", {"x-n": "1"}, "{}", 201, "made", 5.0),
    )
