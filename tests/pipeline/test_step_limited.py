"""A plan without state or engine: the difference between two versions of repos.yaml."""

from __future__ import annotations

from karst.config.parse import parse_stack
from karst.config.slug import parse_slug
from karst.config.spec import StackSpec
from karst.fetch.lock import LockEntry, RepoLock
from karst.pipeline.step_limited import limited_report
from karst.report import render_comment_body
from karst.report.model import PlanReport, ServiceLine

NO_LOCK = RepoLock()


def stack(*services: str, mesh: str = "deny") -> StackSpec:
    listed = "".join(f"\n- {service}" for service in services)
    text = f"name: shop\nmesh: {{default: {mesh}}}\nservices:{listed}\n"
    return parse_stack(text, source="repos.yaml", default_name="shop")


def lock(**commits: str) -> RepoLock:
    return RepoLock.of(
        LockEntry(name, parse_slug(f"gh:acme/{name}"), commit=commit * 40)
        for name, commit in commits.items()
    )


def by_name(report: PlanReport) -> dict[str, ServiceLine]:
    return {line.service: line for line in report.services}


def test_added_removed_changed_and_kept() -> None:
    before = stack("gh:acme/web", "gh:acme/api", "gh:acme/old")
    after = stack(
        "{slug: gh:acme/web, port: 9000, env: {A: b}}", "gh:acme/api", "gh:acme/new"
    )
    found = by_name(limited_report(before, after, (NO_LOCK, NO_LOCK)))
    assert {n: line.action for n, line in found.items()} == {
        "web": "change",
        "api": "keep",
        "new": "add",
        "old": "remove",
    }
    assert found["web"].differs == ("port", "env A")
    assert found["web"].how == "release"


def test_a_moved_commit_is_a_change() -> None:
    spec = stack("gh:acme/web", "gh:acme/api")
    locks = (lock(web="a", api="b"), lock(web="c", api="b"))
    found = by_name(limited_report(spec, spec, locks))
    assert (found["web"].action, found["api"].action) == ("change", "keep")
    assert (found["web"].old_commit, found["web"].new_commit) == ("a" * 40, "c" * 40)


def test_edges_doors_and_secrets_are_told() -> None:
    before = stack("gh:acme/web", "gh:acme/api")
    after = stack(
        "{slug: gh:acme/web, calls: [api], publish: '127.0.0.1:8080', secrets: [KEY]}",
        "gh:acme/api",
    )
    report = limited_report(before, after, (NO_LOCK, NO_LOCK))
    web = by_name(report)["web"]
    assert (web.opened, web.published, web.secrets) == (
        ("api",),
        ("127.0.0.1:8080",),
        ("KEY",),
    )
    body = render_comment_body(report, room=60_000)
    assert "A limited plan" in body
    assert "may newly call" in body
    assert "reads a new secret" in body


def test_a_door_that_closes_is_told() -> None:
    before = stack("{slug: gh:acme/web, publish: '127.0.0.1:8080'}")
    after = stack("gh:acme/web")
    report = limited_report(before, after, (NO_LOCK, NO_LOCK))
    assert by_name(report)["web"].unpublished == ("127.0.0.1:8080",)
    body = render_comment_body(report, room=60_000)
    assert "`web` is no longer published: `127.0.0.1:8080`" in body
    same = limited_report(before, before, (NO_LOCK, NO_LOCK))
    assert by_name(same)["web"].unpublished == ()


def test_an_edge_alone_restarts_nobody() -> None:
    before = stack("gh:acme/web", "gh:acme/api")
    after = stack("{slug: gh:acme/web, calls: [api]}", "gh:acme/api")
    web = by_name(limited_report(before, after, (NO_LOCK, NO_LOCK)))["web"]
    assert (web.action, web.how, web.differs) == ("change", "edges", ())


def test_values_are_never_told() -> None:
    before = stack("{slug: gh:acme/web, env: {TOKEN: canary-1}}")
    after = stack("{slug: gh:acme/web, env: {TOKEN: canary-2}}")
    report = limited_report(before, after, (NO_LOCK, NO_LOCK))
    assert "canary" not in repr(report)


def test_without_a_base_everything_is_new() -> None:
    report = limited_report(None, stack("gh:acme/web"), (NO_LOCK, NO_LOCK))
    assert [line.action for line in report.services] == ["add"]
