"""Any plan JSON gives documents within every limit, which read back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import report_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from karst.health import Verdict
from karst.report import (
    PlanReport,
    RunReport,
    ServiceLine,
    render_comment_body,
    render_plan_summary,
    render_resource_counts,
    render_run_summary,
)
from karst.report.summary import BYTES, CHARACTERS
from karst.terraform import NetworkVariables, Stack
from karst.terraform.plan import Plan, parse_plan

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.none() | st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
ACTIONS = st.sampled_from(
    [["create"], ["delete"], ["update"], ["delete", "create"], ["no-op"], ["read"]]
)
KEYS = st.sampled_from(["web@1a2b3c4d", "api@1", "web", "", "|`@all"]) | st.text(
    max_size=12
)
ROLES = st.sampled_from(["app", "sidecar", "release", "edges", "door", "mesh", "odd"])


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    role, key = draw(ROLES), draw(KEYS)
    address = f'terraform_data.{role}["{key}"]' if key else f"terraform_data.{role}"
    return {
        "address": draw(st.just(address) | st.text(min_size=1, max_size=40)),
        "type": "terraform_data",
        "name": role,
        "index": key,
        "change": {
            "actions": draw(ACTIONS),
            "before": draw(OBJECTS),
            "after": draw(OBJECTS),
            "after_unknown": draw(st.dictionaries(st.text(max_size=5), st.booleans())),
        },
    }


PLANS = st.fixed_dictionaries({"resource_changes": st.lists(changes(), max_size=30)})
STACK = Stack("shop", NetworkVariables("n", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/26"))


def report_of(plan: Plan) -> PlanReport:
    lines = tuple(
        ServiceLine(
            c.service,
            c.action,
            old_release=c.old,
            new_release=c.new,
            opened=c.opened,
            closed=c.closed,
        )
        for c in plan.services
    )
    return PlanReport("shop", services=lines, resources=plan.resources)


def read_counts(text: str) -> list[int]:
    """What a reader finds in the first line."""
    first = text.split("\n", 1)[0]
    return [int(n) for n in re.findall(r"(\d+) (?:to|unchanged)", first)]


@given(PLANS, st.integers(250, 70_000))
@settings(max_examples=150)
def test_any_plan_fits_and_reads_back(document: dict[str, Any], room: int) -> None:
    text = json.dumps(document)
    plan = parse_plan(text, stack=STACK, path=Path("p"), applied_edges={})
    report = report_of(plan)
    body = render_comment_body(report, room=room)
    assert len(body) <= room
    if not report.empty:
        assert read_counts(body) == list(report.counts.values())
    summary = render_plan_summary(report)
    assert len(summary) <= CHARACTERS
    blocks = PARSER.parse(summary)
    folded = [t.content.strip() for t in blocks if t.type == "html_block"]
    assert all(re.match(r"(</?details>|<details>\n<summary>)", b) for b in folded)
    counted = json.loads(render_resource_counts(report))
    shown = [t.content for t in blocks if t.type == "fence" and t.info == "diff"]
    marks = "".join(line[:1] for block in shown for line in block.splitlines())
    assert len(marks) == len(plan.resources)
    assert marks.count("+") + marks.count("!") >= counted["create"]


def a_large_stack(size: int) -> PlanReport:
    """Long names, every service changed, everybody newly calls everybody."""
    names = [f"{i:03d}-" + "x" * 59 for i in range(size)]
    lines = tuple(
        replace(
            samples.PLAN.services[1],
            service=name,
            slug="gl:" + "group/" * 20 + name,
            opened=tuple(n for n in names if n != name),
            secrets=tuple(f"SECRET_{n}" for n in range(10)),
            published=("0.0.0.0:8080",),
        )
        for name in names[: size * 3 // 4]
    ) + tuple(ServiceLine(name, "remove") for name in names[size * 3 // 4 :])
    resources = samples.PLAN.resources * size
    mesh = {name: tuple(n for n in names if n != name) for name in names}
    return replace(samples.PLAN, services=lines, resources=resources, mesh=mesh)


def test_a_large_stack_fits_with_every_destroyed_name() -> None:
    report = a_large_stack(100)
    body = render_comment_body(report, room=61_000, details_url="https://ci.example/1")
    assert len(body) <= 61_000
    assert read_counts(body) == [0, 75, 25, 0]
    box = next(line for line in body.splitlines() if "Will be destroyed" in line)
    assert "100" not in box
    assert "099-" in box or "and 15 more" in box
    assert "[the full text](https://ci.example/1)" in body
    rows = [line for line in body.splitlines() if line.startswith("| **")]
    assert len(rows) >= 50


def test_a_large_summary_is_below_a_mebibyte() -> None:
    report = a_large_stack(200)
    text = render_plan_summary(report)
    assert len(text.encode()) <= BYTES
    assert "```mermaid" not in text or len(text) <= CHARACTERS


def test_a_hundred_services_are_drawn_within_mermaids_limits() -> None:
    names = [f"service-{i}" for i in range(100)]
    mesh = {n: tuple(m for m in names[:40] if m != n) for n in names}
    report = PlanReport("shop", mesh=mesh)
    text = render_plan_summary(report)
    block = text.split("```mermaid\n")[1].split("```")[0]
    assert len(block) < 50_000
    assert block.count("-->") + block.count("==>") <= 150
    assert re.search(r"Drawn: 150 of 3,960 edges", text)


def test_a_run_of_hundreds_of_failures_fits() -> None:
    """Signs of three bytes: the limit is one of bytes, too."""
    noise = tuple("…" * 390 for _ in range(20))
    verdicts = tuple(
        Verdict(f"s{i}", "1", "failed", "…" * 900, last_lines=noise) for i in range(400)
    )
    report = RunReport("shop", "e2e", verdicts=verdicts, edges=samples.edges() * 50)
    text = render_run_summary(report)
    assert len(text.encode()) <= BYTES
    assert text.startswith("### ❌ End-to-end test of `shop`: 0 of 400 services are")
    assert "_Shortened for length: failures" in text or "edges" in text
