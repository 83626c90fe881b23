"""repos.yaml's own word stands; where it is silent, the repository's counts."""

from __future__ import annotations

import pytest

from karst.config.parse import parse_stack
from karst.config.spec import HealthSpec, MeshPorts, ServiceSpec
from karst.inspection import Entrypoint
from karst.inspection.entrypoint import Protocol
from karst.pipeline.detected import with_detected

PORTS = MeshPorts()


def service(text: str) -> ServiceSpec:
    source = f"services:\n- {{slug: 'file:./a', name: a{text}}}\n"
    return parse_stack(source, source="repos.yaml", default_name="s").services[0]


def found(protocol: Protocol | None, port: int | None) -> Entrypoint:
    return Entrypoint("file", "a.py", ("a.py",), "rule", protocol=protocol, port=port)


@pytest.mark.parametrize(
    ("text", "protocol", "port", "expected"),
    [
        ("", None, None, ("http", 8000, "tcp")),
        ("", "http", 5000, ("http", 5000, "tcp")),
        ("", "http", None, ("http", 8000, "tcp")),
        ("", "grpc", None, ("grpc", 50051, "tcp")),
        ("", "grpc", 50051, ("grpc", 50051, "tcp")),
        ("", "grpc", 6000, ("grpc", 6000, "tcp")),
        ("", "none", None, ("none", None, "process")),
        ("", "http", 15000, ("http", 8000, "tcp")),
        ("", "http", 50051, ("http", 8000, "tcp")),
        (", port: 80", "http", 5000, ("http", 80, "tcp")),
        (", port: 80", "none", None, ("http", 80, "tcp")),
        (", protocol: http", "none", None, ("http", 8000, "tcp")),
        (", protocol: http", "grpc", 6000, ("http", 6000, "tcp")),
        (", health: {http: /up}", "none", None, ("http", 8000, "http")),
        (", publish: 8080", "none", None, ("http", 8000, "tcp")),
        (", protocol: none", "http", 5000, ("none", None, "process")),
        (", kind: job", "http", 5000, ("none", None, "process")),
    ],
)
def test_what_counts(
    text: str,
    protocol: Protocol | None,
    port: int | None,
    expected: tuple[str, int | None, str],
) -> None:
    told = with_detected(service(text), found(protocol, port), PORTS, called=False)
    assert (told.protocol, told.port, told.health.kind) == expected


def test_whom_somebody_calls_has_a_port() -> None:
    told = with_detected(service(""), found("none", None), PORTS, called=True)
    assert (told.protocol, told.port, told.health) == ("http", 8000, HealthSpec("tcp"))
