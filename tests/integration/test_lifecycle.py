"""A stack's life: planned, deployed, changed a service at a time, destroyed."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_apps import JOB, LEGACY_DOCKERFILE, STORE, STORE_DOCKERFILE, WORKER, echo
from snapshots import (
    apart,
    docker,
    eventually_get,
    free_port,
    get,
    networks,
    of_service,
    snapshot,
    until,
    volumes,
)

from karst.build.sidecar import sidecar_tag

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CANARY = "canary-7f3d9a51c2e84b60"
SECOND_CANARY = "canary-0b64ce81a7d94f35"
NOTHING = (
    "No changes: repos.yaml wants what was applied last (6 services). "
    "`karst drift` and `karst health` look at what runs.\n"
)


@dataclass
class Full:
    """A stack that uses every feature, and what the commands said on the way."""

    stack: LiveStack
    services: dict[str, dict[str, Any]]
    port: int
    first_plan_code: int
    said: list[str]

    def write(self) -> None:
        self.stack.write(list(self.services.values()), default="deny")

    def deploy(self) -> str:
        self.write()
        outcome = self.stack.run("deploy", "--verbose")
        self.said += [outcome.stdout, outcome.stderr]
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr[-2000:]
        return outcome.stdout

    def plan(self) -> str:
        self.write()
        outcome = self.stack.run("plan", "--detailed-exitcode")
        self.said += [outcome.stdout, outcome.stderr]
        assert outcome.returncode == 2, f"{outcome.stdout}\n{outcome.stderr}"
        return outcome.stdout


@pytest.fixture(scope="module")
def full(make_stack: MakeStack) -> Iterator[Full]:
    stack = apart(make_stack())
    stack.environ["LEDGER_TOKEN"] = CANARY
    image = f"karsttest/store:{stack.name}"
    folder = stack.folder / "store"
    folder.mkdir()
    (folder / "store.py").write_text(STORE)
    (folder / "Dockerfile").write_text(STORE_DOCKERFILE)
    # The engine's old builder: the newer one needs a plugin that may lack.
    docker("build", "-q", "-t", image, str(folder), DOCKER_BUILDKIT="0")
    port = free_port()
    web = {"http": "/", "grace": "40s"}
    services: list[dict[str, Any]] = [
        {
            "name": "store",
            "image": image,
            "user": "10001:10001",
            "port": 5432,
            "protocol": "tcp",
            "volumes": {"ledger": "/data"},
        },
        {"name": "migrate", "slug": stack.app("migrate", JOB), "kind": "job"},
        {
            "name": "api",
            "slug": stack.app("api", echo("api")),
            "needs": ["migrate"],
            "calls": ["store"],
            "env": {"COLOUR": "green"},
            "secrets": ["LEDGER_TOKEN"],
            "volumes": {"files": "/home/app/files"},
            "resources": {"cpus": 0.5, "memory": "96MiB"},
            "health": {"command": ["python3", "-c", "print(1)"], "grace": "40s"},
        },
        {
            "name": "legacy",
            "slug": stack.app("legacy", echo("legacy"), Dockerfile=LEGACY_DOCKERFILE),
            "build": "dockerfile",
            "calls": [],
            "health": web,
        },
        {
            "name": "web",
            "slug": stack.app("web", echo("web")),
            "calls": ["api"],
            "publish": f"127.0.0.1:{port}",
            "health": web,
        },
        {
            "name": "worker",
            "slug": stack.app("worker", WORKER),
            "protocol": "none",
        },
    ]
    made = Full(stack, {s["name"]: s for s in services}, port, -1, [])
    made.write()
    made.first_plan_code = stack.run("plan", "--detailed-exitcode").returncode
    assert stack.containers() == [], "a plan made something"
    made.deploy()
    yield made
    stack.run("destroy", "--yes", "--volumes")
    docker("rmi", "-f", image, check=False)


def test_the_second_plan_is_empty(full: Full) -> None:
    again = full.stack.run("plan", "--detailed-exitcode")
    assert full.first_plan_code == 2
    assert (again.returncode, again.stdout) == (0, NOTHING)


def test_deploying_again_touches_nothing(full: Full) -> None:
    before = snapshot(full.stack)
    full.deploy()
    assert snapshot(full.stack) == before


def test_health_tells_every_service_over_mtls(full: Full) -> None:
    report = full.stack.json("health")
    found = {s["service"]: s for s in report["services"]}
    assert report["healthy"] is True
    assert {n: s["state"] for n, s in found.items()} == {
        "store": "healthy",
        "migrate": "completed",
        "api": "healthy",
        "legacy": "healthy",
        "web": "healthy",
        "worker": "healthy",
    }
    for name, one in found.items():
        assert sorted(one) == [
            "certificate_ends",
            "exit_reason",
            "last_lines",
            "latency_ms",
            "mesh_version",
            "reason",
            "release",
            "restarts",
            "service",
            "state",
        ]
        assert one["release"] == _release(full.stack, name)
        if name != "migrate":
            assert one["certificate_ends"], name
        if name not in ("migrate", "worker"):  # the others have a port to ask
            assert 0 < one["latency_ms"] < 20_000, name


def _release(stack: LiveStack, service: str) -> str:
    found: str = stack.container("app", service)["Config"]["Labels"]["karst.release"]
    return found


def test_only_the_edges_of_repos_yaml_are_open(full: Full) -> None:
    assert get(full.port, "/call/api:8000") == (200, "api")
    assert get(full.port, "/call/legacy:8000")[0] == 502


def test_opening_an_edge_touches_nobody_and_is_marked(full: Full) -> None:
    before = snapshot(full.stack)
    full.services["web"]["calls"] = ["api", "legacy"]
    plan = full.plan()
    assert "! security: web may newly call legacy" in plan
    assert "0 to add, 1 to change, 0 to remove, 5 to keep" in plan
    full.deploy()
    assert snapshot(full.stack) == before
    assert get(full.port, "/call/legacy:8000") == (200, "legacy")


def test_a_service_more_touches_nobody_though_it_calls_an_old_one(full: Full) -> None:
    before = snapshot(full.stack)
    full.services["audit"] = {
        "name": "audit",
        "slug": full.stack.app("audit", echo("audit")),
        "calls": ["api"],
        "volumes": {"records": "/home/app/records"},
        "publish": f"127.0.0.1:{(port := free_port())}",
        "health": {"http": "/", "grace": "40s"},
    }
    plan = full.plan()
    assert "1 to add, 0 to change, 0 to remove, 6 to keep" in plan
    assert "+api" in plan
    full.deploy()
    after = snapshot(full.stack)
    new = of_service(after, full.stack, "audit")
    assert len(new) == 3  # app, sidecar, door
    assert {n: s for n, s in after.items() if n not in new} == before
    # A door may come up after all services are healthy.
    calls = (port, "/call/api:8000")
    until(lambda: eventually_get(*calls) == (200, "api"), 120, "the new door answers")


def test_a_service_less_leaves_its_data_and_nothing_else(full: Full) -> None:
    stack = full.stack
    before, had = snapshot(stack), volumes(stack)
    gone = of_service(before, stack, "audit")
    full.services.pop("audit")
    assert "! audit will be destroyed" in full.plan()
    full.deploy()
    assert snapshot(stack) == {n: s for n, s in before.items() if n not in gone}
    lost = {v for v in had if v.startswith(f"{stack.name}-audit-")}
    kept = f"{stack.name}-audit-records"
    assert kept in lost
    assert volumes(stack) == had - lost | {kept}
    assert not any("audit" in name for name in networks(stack))


def test_changed_code_touches_its_own_service_only(full: Full) -> None:
    stack = full.stack
    before, old = snapshot(stack), _release(stack, "web")
    stack.app("web", echo("web, second"))
    plan = full.plan()
    assert f"~  web      {old} -> " in plan
    assert "0 to add, 1 to change, 0 to remove, 5 to keep" in plan
    full.deploy()
    after = snapshot(stack)
    mine = of_service(before, stack, "web")
    door = {n for n in mine if "-door-" in n}
    assert len(door) == 1
    assert {n: s for n, s in after.items() if n in before} == {
        n: s for n, s in before.items() if n not in mine - door
    }
    assert len(of_service(after, stack, "web")) == 3
    assert get(full.port) == (200, "web, second")


def test_a_changed_secret_is_no_change_of_the_plan(full: Full) -> None:
    stack = full.stack
    before = snapshot(stack)
    seen_before = _digest_of_token(stack)
    stack.environ["LEDGER_TOKEN"] = SECOND_CANARY
    empty = stack.run("plan", "--detailed-exitcode")
    assert empty.returncode == 0, empty.stdout
    assert "api: started again, a secret of it has changed" in full.deploy()
    after = snapshot(stack)
    app = stack.container("app", "api")["Name"].lstrip("/")
    moved = {n for n in after if after[n] != before.get(n)}
    assert moved == {app}
    assert after[app][0] == before[app][0], "restarted, not replaced"
    assert seen_before == hashlib.sha256(CANARY.encode()).hexdigest()
    assert _digest_of_token(stack) == hashlib.sha256(SECOND_CANARY.encode()).hexdigest()
    assert stack.run("plan", "--detailed-exitcode").returncode == 0


def _digest_of_token(stack: LiveStack) -> str:
    """As the app itself sees it, asked on its own loopback."""
    app = stack.container("app", "api")["Id"]
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/digest/LEDGER_TOKEN').read().decode())"
    return docker("exec", app, "python3", "-c", code).strip()


def test_private_material_is_nowhere_that_others_read(full: Full) -> None:
    stack = full.stack
    needles = {"first secret": CANARY, "second secret": SECOND_CANARY}
    for key in (stack.folder / "secrets").glob("*.key"):
        needles[key.name] = _body_of(key.read_text())
    assert len(needles) >= 8
    haystack = dict(_material(full))
    assert sum(map(len, haystack.values())) > 100_000
    assert {"stack.tfstate", "stack.tfplan: tfplan"} <= set(haystack)
    found = [
        (place, name)
        for place, content in haystack.items()
        for name, needle in needles.items()
        if needle.encode() in content
    ]
    assert found == []


def _body_of(pem: str) -> str:
    """A stretch of a key that stands in it whatever the line breaks around it."""
    return pem.splitlines()[1][:48]


def _material(full: Full) -> Iterator[tuple[str, bytes]]:
    """Everything that Terraform, the engine or a reader of output gets to see."""
    stack = full.stack
    for file in (stack.folder / ".karst").rglob("*"):
        if file.is_file() and ".terraform" not in file.parts:
            yield file.name, file.read_bytes()
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as plan:
                    for name in plan.namelist():
                        yield f"{file.name}: {name}", plan.read(name)
    images = set()
    for container in stack.containers():
        name = container["Name"]
        yield f"inspect {name}", json.dumps(container).encode()
        yield f"logs {name}", _both_streams("logs", container["Id"])
        if container["Config"]["Labels"]["karst.role"] == "app":
            image = container["Image"]
            yield f"history {name}", _both_streams("history", "--no-trunc", image)
            images.add(image)
    yield from _layers(images)
    for words in (["health"], ["health", "--json"], ["plan", "--json"], ["logs"]):
        outcome = stack.run(*words)
        yield " ".join(words), (outcome.stdout + outcome.stderr).encode()
    yield "said before", "\n".join(full.said).encode()


def _both_streams(*words: str) -> bytes:
    done = subprocess.run(
        ["docker", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=True,
    )
    return done.stdout


def _layers(images: set[str]) -> Iterator[tuple[str, bytes]]:
    """The files of the images' own layers; those of their base are left out by size."""
    saved = subprocess.run(
        ["docker", "save", *images], capture_output=True, timeout=300, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(saved.stdout)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream and member.size < 20_000_000:
                yield f"image {member.name}", stream.read()


def test_destroy_leaves_the_data_and_then_nothing(full: Full) -> None:
    stack = full.stack
    data = {f"{stack.name}-{n}" for n in ("store-ledger", "api-files", "audit-records")}
    said = stack.ok("destroy", "--yes")
    assert f"Destroyed '{stack.name}': 13 containers removed." in said
    assert (stack.containers(), networks(stack), volumes(stack)) == ([], set(), data)
    assert not (stack.folder / ".karst" / stack.name).exists()
    full.deploy()
    calls = (full.port, "/call/api:8000")
    until(lambda: eventually_get(*calls) == (200, "api"), 120, "it is there again")
    stack.ok("destroy", "--yes", "--volumes")
    assert (stack.containers(), networks(stack), volumes(stack)) == ([], set(), set())
    named = docker("ps", "-a", f"--filter=name={stack.name}", "--format={{.Names}}")
    assert named == "", "the probe's and the carriers' too"


def test_destroying_what_is_not_there_is_well(tmp_path: Path, full: Full) -> None:
    labels = ("--label=karst.role=sidecar", f"--label=karst.stack={full.stack.name}2")
    another = docker("create", *labels, sidecar_tag()).strip()
    try:
        full.stack.ok("destroy", "--yes", "--volumes")
        assert docker("ps", "-aq", "--no-trunc", f"--filter=id={another}")
    finally:
        docker("rm", "-f", another)


@pytest.fixture(autouse=True)
def _settled(full: Full) -> None:
    """Each test begins with a stack that answers, or says that an earlier one broke it."""
    if full.stack.containers():
        until(lambda: eventually_get(full.port)[0] == 200, 120, "the stack answers")
