"""Which releases stay as they are and which are new."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from karst.config.slug import Slug
from karst.config.spec import (
    HealthSpec,
    MeshSpec,
    PublishSpec,
    Resources,
    ServiceSpec,
    SmokeSpec,
    StackSpec,
)
from karst.fetch.lock import LockEntry, RepoLock
from karst.terraform import Applied, Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.receipt_text import parse_pin
from karst.terraform.stack import parse_outputs, render_variables

WEB = ServiceSpec("web", calls=("api",), publish=PublishSpec("127.0.0.1", 8080))
API = ServiceSpec("api", env={"B": "2", "A": "1"}, secrets=("TOKEN",))
JOB = ServiceSpec("migrate", kind="job", port=None, protocol="none")
MESH = MeshSpec(default="deny")
SIDECAR = "karstkit/sidecar:1"


def render(
    *services: ServiceSpec,
    applied: Applied | None = None,
    sidecar: str = SIDECAR,
    mesh: MeshSpec = MESH,
    image: str = "img",
) -> Stack:
    spec = StackSpec("shop", services, mesh)
    prepared = {
        s.name: Prepared(s, f"{image}-{s.name}", f"src-{s.name}", "c0ffee", True)
        for s in services
    }
    return render_stack(spec, prepared, applied or Applied(), sidecar)


def applied(stack: Stack) -> Applied:
    """What the state says after an apply: through JSON, as Terraform gives it."""
    variables = json.loads(render_variables(stack))
    return parse_outputs(
        {
            "services": {"value": variables["services"]},
            "edges": {"value": variables["edges"]},
            "doors": {"value": variables["doors"]},
        }
    )


def test_what_was_applied_is_what_is_wanted() -> None:
    first = render(WEB, API, JOB)
    assert applied(first).services == first.services
    assert render(WEB, API, JOB, applied=applied(first)) == first


def test_a_newcomer_moves_nobody() -> None:
    first = render(WEB, API)
    second = render(WEB, API, ServiceSpec("new"), applied=applied(first))
    assert {k: second.services[k] for k in first.services} == first.services
    assert second.doors == first.doors


def test_a_newer_karst_replaces_nobody() -> None:
    first = render(WEB, API)
    second = render(
        WEB, API, applied=applied(first), sidecar="karstkit/sidecar:2", image="newer"
    )
    assert second == first


@pytest.mark.parametrize(
    "changed",
    [
        replace(API, env={"A": "1"}),
        replace(API, secrets=()),
        replace(API, port=8001),
        replace(API, health=HealthSpec("http", "/healthz")),
        replace(API, volumes={"data": "/data"}),
        replace(API, resources=Resources(cpus=0.5)),
        replace(API, user="5:5"),
    ],
)
def test_a_changed_service_is_a_new_release_beside_the_old(
    changed: ServiceSpec,
) -> None:
    first = render(WEB, API)
    old, new = first.release_of("api"), None
    second = render(WEB, changed, applied=applied(first))
    new = second.release_of("api")
    assert new.release != old.release
    assert new.container != old.container
    assert new.address != old.address
    assert new.virtual_address == old.virtual_address
    assert second.release_of("web") == first.release_of("web")


@pytest.mark.parametrize(
    "changed",
    [
        replace(API, calls=("web",)),
        replace(API, publish=PublishSpec("127.0.0.1", 9000)),
        replace(API, line=99),
        replace(API, smoke=(SmokeSpec("/orders"),)),
    ],
)
def test_edges_and_doors_make_no_release(changed: ServiceSpec) -> None:
    first = render(WEB, API)
    second = render(WEB, changed, applied=applied(first))
    assert second.services == first.services


def test_a_door_is_replaced_only_for_what_it_publishes() -> None:
    first = render(WEB, API)
    other = replace(WEB, publish=PublishSpec("127.0.0.1", 8081))
    second = render(other, API, applied=applied(first))
    (old,), (new,) = first.doors.values(), second.doors.values()
    assert (old.host_port, new.host_port) == (8080, 8081)
    assert (old.release != new.release, old.key == new.key) == (True, True)


def test_a_job_is_told_so_and_never_restarted() -> None:
    job = render(JOB).release_of("migrate")
    assert (job.kind, job.restart, job.env) == ("job", "no", {"KARST_KIND": "job"})
    assert json.loads(job.agent)["kind"] == "job"


def test_without_a_keeper_the_engine_restarts_apps() -> None:
    stack = render(API, mesh=replace(MESH, keeper=False))
    assert stack.release_of("api").restart == "unless-stopped"
    assert render(API).release_of("api").restart == "no"


def test_no_value_of_a_secret_is_in_the_variables() -> None:
    entry = json.loads(render_variables(render(API)))["services"]
    (release,) = entry.values()
    assert release["secrets"] == ["TOKEN"]
    assert "TOKEN" not in release["env"]


def test_a_command_is_asked_by_the_engine_where_there_is_no_shim() -> None:
    health = HealthSpec("command", command=("pg_isready",), grace=90, interval=2)
    spec = StackSpec("shop", (ServiceSpec("db", image="pg", health=health),))
    prepared = {"db": Prepared(spec.services[0], "pg", "pg", "", False)}
    release = render_stack(spec, prepared, Applied(), SIDECAR).release_of("db")
    assert release.healthcheck == {
        "test": ("CMD", "pg_isready"),
        "interval": "2s",
        "timeout": "2s",
        "start_period": "1m30s",
        "retries": 3,
    }


def test_what_a_later_karst_wrote_is_read_over() -> None:
    stack = render(API)
    variables = json.loads(render_variables(stack))
    (entry,) = variables["services"].values()
    entry["from_the_future"] = True
    found = parse_outputs({"services": {"value": variables["services"]}})
    assert found.services == stack.services


def test_a_release_remembers_what_it_was_made_of() -> None:
    """What a pin says makes no release, and a kept release keeps its own."""
    slug = Slug("gh", "acme/api", "main")
    spec = StackSpec("shop", (replace(API, slug=slug),), MESH)
    prepared = {"api": Prepared(spec.services[0], "img", "src", "c1", True)}

    def locked(commit: str) -> RepoLock:
        return RepoLock.of([LockEntry("api", slug, commit=commit, tree="t")])

    first = render_stack(spec, prepared, Applied(), SIDECAR, (), locked("c1"))
    release = first.release_of("api")
    assert parse_pin(json.loads(release.pin)) == locked("c1").entries[0]
    unpinned = render_stack(spec, prepared, Applied(), SIDECAR).release_of("api")
    assert (unpinned.pin, unpinned.release) == ("", release.release)
    again = render_stack(spec, prepared, applied(first), SIDECAR, (), locked("c2"))
    assert again == first


def test_a_plan_passes_on_the_commit_that_the_state_has() -> None:
    found = parse_outputs({"applied_commit": {"value": "c1"}})
    assert render(API, applied=found).commit == "c1"
    assert json.loads(render_variables(render(API, applied=found)))[
        "applied_commit"
    ] == ("c1")
    assert parse_outputs({"applied_commit": {"value": None}}).commit == ""


def test_an_empty_state() -> None:
    assert parse_outputs({}) == Applied()
