"""A run or a plan for a job's log: plain text in parts that a forge's log can fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from karst.health.edges import EdgeVerdict
from karst.report.comment import verdict_text
from karst.report.edge_tables import edges_verdict
from karst.report.escaping import clean, log_line
from karst.report.health_text import render_health
from karst.report.model import Failure, PlanReport, RunReport, SmokeLine
from karst.report.plan_text import render_plan
from karst.report.summary import run_verdict
from karst.report.table import render_table

_LINES = 40


@dataclass(frozen=True)
class LogPart:
    """Lines under a title; `folded` where nothing in it calls for attention."""

    name: str
    title: str
    text: str
    folded: bool = True


def plan_log(report: PlanReport) -> tuple[LogPart, ...]:
    """A plan in one part."""
    title = f"Plan of {clean(report.stack, 80)}: {verdict_text(report)}"
    return (LogPart("plan", title, render_plan(report)),)


def run_log(report: RunReport) -> tuple[LogPart, ...]:
    """A run in parts; what went wrong is open, last, where a log is read first."""
    parts = list(plan_log(report.plan)) if report.plan else []
    if report.stages:
        rows = [(name, f"{spent:.1f} s") for name, spent in report.stages.items()]
        parts.append(LogPart("stages", "Stages", render_table(("STAGE", "TOOK"), rows)))
    if report.edges:
        well = all(edge.well for edge in report.edges)
        title = f"Edges: {edges_verdict(report.edges)}"
        parts.append(LogPart("edges", title, _edges(report.edges), well))
    if report.smokes:
        asked = sorted(report.smokes, key=lambda s: s.well)
        header = ("", "SERVICE", "REQUEST", "CAME BACK")
        text = render_table(header, [_smoke(s) for s in asked])
        well = all(s.well for s in report.smokes)
        parts.append(LogPart("requests", "Requests", text, well))
    if report.verdicts:
        text = render_health(report.verdicts, report.rolled_back)
        well = not report.rolled_back and all(v.well for v in report.verdicts)
        parts.append(LogPart("health", run_verdict(report), text, well))
    if report.unreviewed:
        rows = [(clean(n, 80), clean(w, 400)) for n, w in report.unreviewed.items()]
        text = render_table(("SERVICE", "WHY"), rows)
        title = "Applied without a review (on-unreviewed: apply)"
        parts.append(LogPart("unreviewed", title, text, False))
    if report.failures:
        text = "\n\n".join(map(_failure, report.failures))
        parts.append(LogPart("failures", "What failed", text, False))
    return tuple(parts)


def _smoke(smoke: SmokeLine) -> tuple[str, ...]:
    return (
        "ok" if smoke.well else "WRONG",
        clean(smoke.service, 80),
        clean(smoke.asked, 200),
        clean(smoke.detail, 200),
    )


def _edges(edges: Sequence[EdgeVerdict]) -> str:
    """Those that did not behave first."""
    rows = [
        (
            "ok" if e.well else "WRONG",
            clean(e.caller, 80) or "(a stranger)",
            clean(e.callee, 80),
            e.expected,
            clean(e.detail, 120),
        )
        for e in sorted(edges, key=lambda e: e.well)
    ]
    return render_table(("", "CALLER", "CALLEE", "EXPECTED", "CAME BACK"), rows)


def _failure(failure: Failure) -> str:
    lines = [clean(failure.what, 1000)]
    if failure.where:
        lines.append(f"  where:  {clean(failure.where, 400)}")
    if failure.remedy:
        lines.append(f"  remedy: {clean(failure.remedy, 1000)}")
    lines += [f"  | {log_line(line, 1000)}" for line in failure.lines[-_LINES:]]
    return "\n".join(lines)
