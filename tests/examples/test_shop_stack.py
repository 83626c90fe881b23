"""What examples/shop says of itself: its repos.yaml and how each folder starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.config.parse import parse_stack
from karst.config.spec import HealthSpec, MeshSpec, PublishSpec, StackSpec
from karst.inspection.resolve import resolve_entrypoint

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def stack() -> StackSpec:
    text = (SHOP / "repos.yaml").read_text()
    return parse_stack(text, source="repos.yaml", default_name="unused")


def test_the_stack_is_the_shop_and_denies_what_it_does_not_name(
    stack: StackSpec,
) -> None:
    assert (stack.name, stack.mesh) == ("shop", MeshSpec(default="deny"))
    assert {s.name: stack.callees(s.name) for s in stack.services} == {
        "web": ("api",),
        "api": ("pricing", "store"),
        "pricing": (),
        "store": (),
        "worker": ("api",),
        "migrate": ("store",),
    }


def test_every_protocol_and_every_kind_of_probe_that_fits_it_is_there(
    stack: StackSpec,
) -> None:
    assert {s.name: (s.kind, s.protocol, s.port, s.health) for s in stack.services} == {
        "web": ("service", "http", 8000, HealthSpec("http", "/healthz")),
        "api": ("service", "http", 8000, HealthSpec("http", "/healthz")),
        "pricing": ("service", "grpc", 50051, HealthSpec("grpc", "")),
        "store": ("service", "tcp", 7000, HealthSpec("tcp")),
        "worker": ("service", "none", None, HealthSpec("process")),
        "migrate": ("job", "none", None, HealthSpec("process")),
    }


def test_one_door_one_secret_one_volume_and_one_job_that_is_waited_for(
    stack: StackSpec,
) -> None:
    services = stack.services
    assert {s.name: s.publish for s in services if s.publish} == {
        "web": PublishSpec("127.0.0.1", 8080)
    }
    assert {s.name: s.secrets for s in services if s.secrets} == {
        "api": ("API_SIGNING_KEY",)
    }
    assert {s.name: s.volumes for s in services if s.volumes} == {
        "store": {"data": "/var/lib/store"}
    }
    assert {s.name: s.needs for s in services if s.needs} == {"api": ("migrate",)}


def test_slugs_are_folders_beside_the_file(stack: StackSpec) -> None:
    slugs = [s.slug for s in stack.services if s.slug is not None]
    assert len(slugs) == len(stack.services)
    assert [s.forge for s in slugs] == ["file"] * len(slugs)
    assert [s.name for s in stack.services if not (SHOP / s.name).is_dir()] == []
    assert [s.path for s in slugs] == [f"./{s.name}" for s in stack.services]


@pytest.mark.parametrize(
    ("service", "rule", "command", "python_path"),
    [
        ("web", "3", ("python3", "main.py"), ""),
        ("api", "1", ("shop-api",), ""),
        ("pricing", "4", ("python3", "-m", "pricing"), "/app/src"),
        ("store", "4", ("python3", "app.py"), ""),
        (
            "worker",
            "5",
            ("python3", "-c", "import sys; from worker import main; sys.exit(main())"),
            "",
        ),
        ("migrate", "2", ("python3", "-m", "migrate"), ""),
    ],
)
def test_each_service_is_found_by_another_rule(
    service: str, rule: str, command: tuple[str, ...], python_path: str
) -> None:
    found = resolve_entrypoint(SHOP / service)
    assert (found.rule[0], found.command, found.python_path) == (
        rule,
        command,
        python_path,
    )


def test_each_service_is_packaged_in_another_way() -> None:
    names = ("requirements.txt", "pyproject.toml", "setup.py")
    shapes = {}
    for folder in ("web", "api", "pricing", "store", "worker", "migrate"):
        files = [n for n in names if (SHOP / folder / n).is_file()]
        project = SHOP / folder / "pyproject.toml"
        if project.is_file() and "[build-system]" in project.read_text():
            files.append(project.read_text().split('"')[1].split("==")[0])
        shapes[folder] = files
    assert shapes == {
        "web": ["requirements.txt"],
        "api": ["pyproject.toml", "hatchling"],
        "pricing": ["pyproject.toml", "setuptools"],
        "store": [],
        "worker": ["setup.py"],
        "migrate": ["pyproject.toml"],
    }
