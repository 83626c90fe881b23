"""Comment, summaries, JUnit and GitLab's report, whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
import report_samples as samples

from karst.health import Verdict
from karst.report import (
    PlanReport,
    RunReport,
    ServiceLine,
    render_comment_body,
    render_junit,
    render_plan_summary,
    render_resource_counts,
    render_run_summary,
)
from karst.report.github import render_groups
from karst.report.gitlab import render_sections
from karst.report.log_text import run_log

Golden = Callable[[str, str], None]
DETAILS = "https://github.com/acme/shop/actions/runs/4711"


def test_a_comment(golden: Golden) -> None:
    body = render_comment_body(samples.PLAN, room=61_000, details_url=DETAILS)
    golden("comment.md", body)


def test_a_limited_plan_says_that_it_is(golden: Golden) -> None:
    golden("comment-limited.md", render_comment_body(samples.LIMITED, room=61_000))


@pytest.mark.parametrize("room", [2400, 1600, 700, 300])
def test_a_comment_in_little_room(room: int, golden: Golden) -> None:
    body = render_comment_body(samples.PLAN, room=room, details_url=DETAILS)
    assert len(body) <= room
    golden(f"comment-in-{room}.md", body)


def test_an_empty_plan(golden: Golden) -> None:
    kept = tuple(s for s in samples.PLAN.services if s.action == "keep")
    report = PlanReport("shop", services=kept)
    golden("comment-empty.md", render_comment_body(report, room=61_000))


def test_a_plan_summary(golden: Golden) -> None:
    golden("plan-summary.md", render_plan_summary(samples.PLAN))


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("applied", samples.APPLIED),
        ("rolled-back", samples.ROLLED_BACK),
        ("e2e", samples.E2E),
        ("e2e-wrong", samples.E2E_WRONG),
        ("drift", samples.DRIFT),
        ("no-drift", replace(samples.DRIFT, plan=PlanReport("shop"))),
        ("destroyed", samples.DESTROYED),
        ("broken", samples.BROKEN),
        (
            "unreviewed",
            replace(
                samples.APPLIED,
                unreviewed={
                    "api": "#7 showed something else: it differs in image",
                    "(network)": "no receipt names its name and range",
                },
            ),
        ),
    ],
)
def test_a_run_summary(name: str, report: RunReport, golden: Golden) -> None:
    golden(f"{name}.md", render_run_summary(report))


@pytest.mark.parametrize(
    ("name", "report"),
    [("e2e-wrong", samples.E2E_WRONG), ("broken", samples.BROKEN)],
)
def test_junit(name: str, report: RunReport, golden: Golden) -> None:
    golden(f"{name}.xml", render_junit(report))


def test_junit_counts_what_failed() -> None:
    root = ET.fromstring(render_junit(samples.E2E_WRONG))  # noqa: S314  (our own text)
    assert root.attrib["failures"] == "4"
    assert root.attrib["tests"] == str(7 + 2 + 42 + 7)
    failed = [
        case.get("name")
        for case in root.iter("testcase")
        if case.find("failure") is not None
    ]
    assert failed == [
        "api",
        "api: POST /orders",
        "web -> api (allowed)",
        "search -> db (denied)",
    ]


def test_the_gitlab_report_counts_a_replacement_twice(golden: Golden) -> None:
    text = render_resource_counts(samples.PLAN)
    golden("terraform.json", text)
    replaced = samples._container("app", "web@1", "delete", "create")
    report = PlanReport("shop", resources=(replaced,))
    assert json.loads(render_resource_counts(report)) == {
        "create": 1,
        "update": 0,
        "delete": 1,
    }


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("applied", samples.APPLIED),
        ("rolled-back", samples.ROLLED_BACK),
        ("e2e-wrong", samples.E2E_WRONG),
        ("broken", samples.BROKEN),
    ],
)
def test_a_jobs_log(name: str, report: RunReport, golden: Golden) -> None:
    parts = run_log(report)
    folded = "\n".join(
        f"{'+' if p.folded else '-'} {p.name}: {p.title}\n{p.text}" for p in parts
    )
    golden(f"{name}.log", folded + "\n")


def test_a_log_folds_what_is_well() -> None:
    parts = run_log(samples.E2E_WRONG)
    assert [p.name for p in parts if not p.folded] == ["edges", "requests", "health"]
    assert all(p.folded for p in run_log(samples.E2E))
    on_github = render_groups(parts)
    assert on_github.count("::group::") == on_github.count("::endgroup::") == 1
    on_gitlab = render_sections(parts, began=100, ended=160)
    assert on_gitlab.count("section_start:100:") == len(parts)
    assert on_gitlab.count("[collapsed=true]") == 1


def test_a_replaced_network_is_a_warning() -> None:
    network = replace(
        samples._container("x", "y", "delete", "create"),
        address="docker_network.mesh",
        role="mesh",
    )
    body = render_comment_body(PlanReport("shop", resources=(network,)), room=10_000)
    assert "every container is made anew: `docker_network.mesh`" in body


def test_callers_of_the_same_are_told_of_at_once() -> None:
    """Where everybody may call everybody, a new service opens an edge to each."""
    lines = tuple(
        ServiceLine(f"s{i}", "change", "edges", opened=("new",)) for i in range(40)
    )
    body = render_comment_body(PlanReport("shop", services=lines), room=61_000)
    said = [line for line in body.splitlines() if "may newly call" in line]
    assert len(said) == 1
    assert said[0].endswith("`s24` and 15 more may newly call `new`")


def test_a_new_stack_says_in_one_sentence_who_may_call_whom() -> None:
    names = [f"s{i}" for i in range(5)]
    lines = tuple(
        ServiceLine(n, "add", opened=tuple(m for m in [*names, "db"] if m != n))
        for n in names
    )
    body = render_comment_body(PlanReport("shop", services=lines), room=61_000)
    said = [line for line in body.splitlines() if "may newly call" in line]
    assert said == [
        "> **Security-relevant:** `s0`, `s1`, `s2`, `s3`, `s4` may newly call each other and `db`"
    ]


def test_many_services_have_a_line_each_instead_of_a_matrix() -> None:
    wide = tuple(
        replace(e, callee=f"c{i}") for i, e in enumerate(samples.edges()) if e.caller
    )
    text = render_run_summary(replace(samples.E2E, edges=wide))
    assert "| `web` | 2 of 2 | 4 of 4 | 4.5 ms |" in text


def test_latency_is_the_median() -> None:
    verdict = Verdict("a", "1", "healthy", latency_ms=9.0)
    assert verdict.latency_p50_ms == 9.0
    assert replace(verdict, latencies_ms=(9.0, 1.0, 2.0)).latency_p50_ms == 2.0
    assert replace(verdict, latency_ms=None).latency_p50_ms is None
