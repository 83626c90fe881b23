"""The job's summary: what was planned, or what a run came to, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from karst.report.comment import place, plan_parts, verdict_text
from karst.report.edge_tables import edges_verdict, failed_edges, matrix
from karst.report.escaping import code, count
from karst.report.fitting import Part, always, fit
from karst.report.health_text import healthy_words, put_back_words
from karst.report.model import Failure, Mode, PlanReport, RunReport
from karst.report.picture import render_picture
from karst.report.run_tables import (
    failures_part,
    notes,
    plan_part,
    services,
    smokes,
    stages,
    unreviewed,
)

# A step's summary above 1 MiB is lost; most signs here are one byte, some are three.
CHARACTERS = 900_000
BYTES = 1_000_000
_ALL = 100_000
_TITLE: dict[Mode, str] = {
    "apply": "Apply of",
    "e2e": "End-to-end test of",
    "drift": "Drift of",
    "destroy": "Destroy of",
}


def render_plan_summary(report: PlanReport) -> str:
    """A plan as a job's summary: the comment's parts in full, and the mesh as it will be."""
    parts = [*plan_parts(report), _plan_picture(report)]
    return _within(parts, f"{verdict_text(report)}\n")


def _plan_picture(report: PlanReport) -> Part:
    changed = [s.service for s in report.services if s.action in ("add", "change")]
    opened = [(s.service, c) for s in report.services for c in s.opened]

    def drawn() -> str:
        picture = render_picture(report.mesh, new=changed, marked=opened)
        if not picture:
            return ""
        legend = "Blue: added or changed. Thick: a new edge."
        return f"#### The mesh as it will be\n\n{picture}\n\n{legend}"

    return Part("the picture", drawn, ((10, lambda: ""),))


def render_run_summary(report: RunReport) -> str:
    """A run as a job's summary; verdict first, then what failed."""
    parts = [
        always(f"### {_headline(report)}"),
        always(_place(report)),
        failures_part(report),
        Part(
            "what nobody reviewed",
            partial(unreviewed, report, 200),
            ((33, partial(unreviewed, report, 20)),),
        ),
        always(notes(report)),
        _services_part(report),
        Part(
            "requests",
            partial(smokes, report, 500),
            ((32, partial(smokes, report, 50)),),
        ),
        _edges_part(report),
        plan_part(report),
        Part("the picture", partial(_picture, report), ((10, lambda: ""),)),
        always(stages(report)),
    ]
    return _within(parts, f"{run_verdict(report)}\n")


def render_failure(failure: Failure) -> str:
    """What ended a run before it was known what it is about."""
    report = RunReport("", "apply", failures=(failure,))
    parts = [always("### ❌ KarstKit: failed"), failures_part(report)]
    return _within(parts, "KarstKit: failed\n")


def _within(parts: Sequence[Part], least: str) -> str:
    room = CHARACTERS
    while True:
        found = fit(parts, room)
        if found is None:
            return least
        size = len(found.encode())
        if size <= BYTES:
            return found
        room = int(min(room, len(found)) * BYTES / size * 0.99)


def _headline(report: RunReport) -> str:
    sign = "✅" if report.well else "❌"
    name = code(report.stack, 80)
    return f"{sign} {_TITLE[report.mode]} {name}: {run_verdict(report)}"


def run_verdict(report: RunReport) -> str:
    """The run in one line of karst's own words."""
    parts = []
    if report.failures and not report.verdicts:
        parts.append("failed")
    if report.mode == "destroy":
        parts.append(f"{count(report.removed, 'container')} removed")
    if report.mode == "drift" and report.plan:
        differs = verdict_text(report.plan)
        nothing = "nothing differs from the last apply"
        parts.append(nothing if report.plan.empty else f"the target differs: {differs}")
    if report.verdicts:
        parts.append(healthy_words(report.verdicts, report.rolled_back))
    if report.unreviewed:
        parts.append(f"{count(len(report.unreviewed), 'change')} without a review")
    parts.append(put_back_words(report.rolled_back))
    wrong = sum(not e.well for e in report.edges)
    if wrong:
        parts.append(f"{count(wrong, 'edge does', 'edges do')} not behave")
    if report.smokes:
        well = sum(s.well for s in report.smokes)
        total = count(len(report.smokes), "request was", "requests were")
        parts.append(f"{well} of {total} answered as asked")
    return ", ".join(filter(None, parts)) or ("done" if report.well else "failed")


def _place(report: RunReport) -> str:
    where = place("On", report.target, report.label)
    edges = edges_verdict(report.edges)
    return " ".join(
        text for text in (where, f"Edges: {edges}." if edges else "") if text
    )


def _services_part(report: RunReport) -> Part:
    shorter = ((30, partial(services, report, 100)),)
    return Part("the table of services", partial(services, report, _ALL), shorter)


def _edges_part(report: RunReport) -> Part:
    def shown(most: int, *, with_matrix: bool) -> str:
        parts = []
        failed = failed_edges(report.edges, most)
        if failed:
            parts.append(f"#### Edges that did not behave\n\n{failed}")
        if with_matrix and (drawn := matrix(report)):
            parts.append(f"#### Who reached whom\n\n{drawn}")
        return "\n\n".join(parts)

    return Part(
        "edges",
        partial(shown, 200, with_matrix=True),
        (
            (20, partial(shown, 200, with_matrix=False)),
            (40, partial(shown, 20, with_matrix=False)),
        ),
    )


def _picture(report: RunReport) -> str:
    well = [v.service for v in report.verdicts if v.well]
    ill = [v.service for v in report.verdicts if not v.well]
    wrong = [(e.caller, e.callee) for e in report.edges if not e.well]
    if not report.verdicts:
        return ""
    picture = render_picture(
        report.mesh, well=well, ill=ill, marked=wrong, colour="#cf222e"
    )
    return f"#### The mesh\n\n{picture}" if picture else ""
