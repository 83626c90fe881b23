"""From a plan to its report: what changes is told by name, and no value is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from karst.config.slug import parse_slug
from karst.config.spec import MeshSpec, PublishSpec, ServiceSpec, StackSpec
from karst.fetch.lock import RepoLock
from karst.fetch.remote import Comparison
from karst.health import Verdict
from karst.inspection import Entrypoint, Evidence
from karst.pipeline.applying import ApplyOutcome
from karst.pipeline.moving import Moves
from karst.pipeline.reporting import plan_report, run_report
from karst.pipeline.tools import Planned
from karst.report import (
    plan_document,
    render_comment_body,
    render_junit,
    render_plan,
    render_plan_summary,
    render_resource_counts,
    render_run_summary,
)
from karst.report.model import PlanReport, ServiceLine
from karst.secret import Secret
from karst.terraform import Applied, Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.plan import parse_plan

CANARY = "canary-3f9a7c1e5b"
STARTS = Entrypoint(
    kind="module",
    value="web",
    command=("python3", "-m", "web"),
    workdir="/app",
    rule="[project.scripts]",
    evidence=(Evidence("pyproject.toml", 21, f"web = '{CANARY}'"),),
)
OLD, NEW = "a" * 40, "b" * 40


def prepare(spec: StackSpec, revision: str) -> dict[str, Prepared]:
    return {
        s.name: Prepared(
            s, f"shop-{s.name}:{revision[:4]}", revision, revision, True, STARTS
        )
        for s in spec.services
    }


def a_spec(*services: ServiceSpec, **mesh: Any) -> StackSpec:
    return StackSpec("shop", services, MeshSpec(default="deny", **mesh))


WEB = ServiceSpec(
    "web",
    slug=parse_slug("gh:acme/web#main"),
    env={"LOG_LEVEL": "info", "TOKEN": CANARY},
    secrets=("SESSION_KEY",),
)
API = ServiceSpec("api", slug=parse_slug("gl:acme/api"), calls=())
BEFORE = a_spec(WEB, API)
AFTER = a_spec(
    replace(
        WEB,
        env={"LOG_LEVEL": f"{CANARY}-2", "TOKEN": CANARY},
        secrets=("SESSION_KEY", "DATABASE_URL"),
        calls=("api",),
        publish=PublishSpec("127.0.0.1", 8080),
    ),
    API,
    ServiceSpec("queue", image="redis:7", secrets=("QUEUE_KEY",)),
)


def make_plan(
    before: StackSpec, after: StackSpec, *resources: dict[str, Any], commit: str = NEW
) -> Planned:
    """A plan as Terraform would give it: a release that goes, one that comes."""
    was = render_stack(before, prepare(before, OLD), Applied(), "sidecar:1")
    applied = Applied(was.services, was.edges, was.doors)
    prepared = {**prepare(after, commit), "api": prepare(after, OLD)["api"]}
    stack = render_stack(after, prepared, applied, "sidecar:1")
    text = json.dumps({"resource_changes": [*_changes(was, stack), *resources]})
    plan = parse_plan(text, stack=stack, path=Path("p"), applied_edges=applied.edges)
    return Planned(after, prepared, applied, plan, {}, RepoLock(), Moves())


def _changes(was: Stack, stack: Stack) -> list[dict[str, Any]]:
    found = []
    for key in sorted({*was.services, *stack.services}):
        old, new = was.services.get(key), stack.services.get(key)
        if old != new:
            found.append(_change(f'docker_container.app["{key}"]', key, old, new))
    for key in sorted({*was.doors, *stack.doors}):
        old, new = was.doors.get(key), stack.doors.get(key)
        if (old is None) != (new is None):
            found.append(_change(f'docker_container.door["{key}"]', key, old, new))
    return found


def _change(address: str, key: str, old: Any, new: Any) -> dict[str, Any]:
    actions = ["create"] if old is None else ["delete"]
    before, after = (None if v is None else _values(v) for v in (old, new))
    change = {"actions": actions, "before": before, "after": after, "after_unknown": {}}
    name = address.partition(".")[2].partition("[")[0]
    return {
        "address": address,
        "type": "docker_container",
        "name": name,
        "index": key,
        "change": change,
    }


def _values(release: Any) -> dict[str, Any]:
    return {**asdict(release), "name": release.container}


def line(report: PlanReport, service: str) -> ServiceLine:
    return next(s for s in report.services if s.service == service)


def test_a_change_is_told_by_what_differs() -> None:
    way = Comparison("https://github.com/acme/web/compare/a...b", 3)
    planned = make_plan(BEFORE, AFTER)
    report = plan_report(planned, comparisons={"web": way})
    stack = planned.plan.stack
    assert line(report, "web") == ServiceLine(
        service="web",
        action="change",
        how="release",
        slug="gh:acme/web#main",
        old_commit=OLD,
        new_commit=NEW,
        compare=way,
        old_release=planned.applied.releases_of("web")[0].release,
        new_release=stack.release_of("web").release,
        image="shop-web:bbbb",
        entrypoint="python3 -m web",
        why="[project.scripts], pyproject.toml:21",
        ports=("8000/http", "127.0.0.1:8080 -> 8000"),
        published=("127.0.0.1:8080",),
        opened=("api",),
        secrets=("DATABASE_URL",),
        differs=("commit", "image", "secrets", "env LOG_LEVEL"),
    )


def test_what_stays_differs_in_nothing() -> None:
    report = plan_report(make_plan(BEFORE, AFTER))
    api = line(report, "api")
    assert (api.action, api.how, api.differs, api.secrets) == ("keep", "", (), ())
    assert api.old_commit == api.new_commit == OLD


def test_a_new_image_needs_no_entrypoint() -> None:
    planned = make_plan(BEFORE, AFTER)
    report = plan_report(planned)
    queue = line(report, "queue")
    assert (queue.action, queue.slug, queue.secrets) == ("add", "", ("QUEUE_KEY",))


def test_a_removed_service_keeps_its_last_commit() -> None:
    report = plan_report(make_plan(BEFORE, a_spec(API)))
    web = line(report, "web")
    assert (web.action, web.old_commit, web.new_commit) == ("remove", OLD, "")
    assert web.ports == ()


def test_another_port_is_told_with_both_numbers() -> None:
    """It may be detected, so that repos.yaml shows nothing of it."""
    before = replace(WEB, port=8000, protocol="http")
    after = replace(WEB, port=9999, protocol="grpc")
    planned = make_plan(a_spec(before, API), a_spec(after, API), commit=OLD)
    report = plan_report(planned)
    assert line(report, "web").differs == ("port 8000 -> 9999", "protocol http -> grpc")
    told = "  web differs in: port 8000 -> 9999, protocol http -> grpc"
    assert told in render_plan(report).splitlines()
    assert "port 8000 -> 9999" in render_comment_body(report, room=60_000)
    document = plan_document(planned.plan, report.services)
    (entry,) = [s for s in document["services"] if s["service"] == "web"]
    assert entry["differs"] == ["port 8000 -> 9999", "protocol http -> grpc"]


def test_a_service_that_left_git_shows_no_old_commit_as_its_own() -> None:
    planned = make_plan(BEFORE, a_spec(WEB, API), commit="")
    report = plan_report(planned)
    assert line(report, "web").new_commit == ""
    assert f"{OLD[:7]} -> -" in render_plan(report)
    assert f"`{OLD[:7]}`&nbsp;→&nbsp;none" in render_comment_body(report, room=60_000)


def test_an_edge_alone_restarts_nothing() -> None:
    wider = a_spec(WEB, replace(API, calls=("web",)))
    planned = make_plan(BEFORE, wider)
    kept = replace(planned.plan, resources=())
    report = plan_report(replace(planned, plan=kept))
    assert line(report, "api").how == "edges"


def test_a_container_altered_by_hand_is_repaired() -> None:
    planned = make_plan(BEFORE, BEFORE, commit=OLD)
    key = planned.plan.stack.release_of("web").key
    change = _change(f'docker_container.app["{key}"]', key, None, None)
    change["change"] |= {
        "actions": ["update"],
        "before": {"name": "x", "env": [CANARY]},
        "after": {"name": "x", "env": []},
    }
    report = plan_report(make_plan(BEFORE, BEFORE, change, commit=OLD))
    assert line(report, "web").how == "repair"
    assert report.resources[-1].attributes == ("env",)


def test_a_door_that_closes_is_told() -> None:
    door = replace(WEB, publish=PublishSpec("127.0.0.1", 8080))
    planned = make_plan(a_spec(door, API), BEFORE, commit=OLD)
    report = plan_report(planned)
    web = line(report, "web")
    assert (web.action, web.how) == ("change", "door")
    assert (web.published, web.unpublished) == ((), ("127.0.0.1:8080",))
    told = "! security: web is no longer published: 127.0.0.1:8080"
    assert told in render_plan(report).splitlines()
    moved = replace(WEB, publish=PublishSpec("127.0.0.1", 8081))
    planned = make_plan(a_spec(door, API), a_spec(moved, API), commit=OLD)
    web = line(plan_report(planned), "web")
    assert web.published == ("127.0.0.1:8081",)
    assert web.unpublished == ("127.0.0.1:8080",)
    planned = make_plan(a_spec(door, API), a_spec(API), commit=OLD)
    assert line(plan_report(planned), "web").unpublished == ()


def test_what_is_left_of_an_old_release_is_told_apart_from_a_new_one() -> None:
    stay = make_plan(BEFORE, BEFORE, commit=OLD).plan.stack.release_of("web")
    old = replace(stay, release="01d", secrets=(), env={})
    left = _change('docker_container.app["web@01d"]', "web@01d", old, None)
    planned = make_plan(BEFORE, BEFORE, left, commit=OLD)
    planned.applied.services[old.key] = old  # type: ignore[index]
    web = line(plan_report(planned), "web")
    assert (web.action, web.how, web.leftovers) == ("change", "leftover", ("01d",))
    assert (web.old_release, web.new_release) == (stay.release, stay.release)
    assert web.secrets == web.differs == ()
    web = line(plan_report(make_plan(BEFORE, AFTER)), "web")
    assert (web.how, web.leftovers) == ("release", ())


def outcome_of(planned: Planned) -> ApplyOutcome:
    return ApplyOutcome(
        planned.plan.stack,
        {
            "queue": Verdict("queue", "1", "healthy"),
            "web": Verdict("web", "2", "unhealthy", str(Secret(CANARY))),
            "api": Verdict("api", "3", "healthy"),
        },
        rolled_back=("web",),
        stages={"build": 1.0},
    )


def test_verdicts_come_in_the_order_of_repos_yaml() -> None:
    planned = make_plan(BEFORE, AFTER)
    report = run_report(planned, outcome_of(planned), plan_report(planned))
    assert [v.service for v in report.verdicts] == ["web", "api", "queue"]
    assert not report.well
    assert report.mesh == {"web": ("api",), "api": (), "queue": ()}


def test_no_value_is_told_anywhere() -> None:
    """Values of env, of a plan's JSON and of secrets; evidence is told by its place."""
    planned = make_plan(BEFORE, AFTER)
    plan = plan_report(planned)
    run = run_report(planned, outcome_of(planned), plan)
    assert CANARY in str(planned.plan.stack)
    documents: dict[str, Callable[[], str]] = {
        "comment": lambda: render_comment_body(plan, room=60_000),
        "plan summary": lambda: render_plan_summary(plan),
        "run summary": lambda: render_run_summary(run),
        "junit": lambda: render_junit(run),
        "gitlab": lambda: render_resource_counts(plan),
        "terminal": lambda: render_plan(plan),
        "json": lambda: json.dumps(plan_document(planned.plan)),
        "model": lambda: repr(run),
    }
    for name, render in documents.items():
        assert CANARY not in render(), name
