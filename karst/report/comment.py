"""The comment on a request: what a plan means, warnings first, within a forge's limit."""

from __future__ import annotations

from karst.report.alerts import alerts_part
from karst.report.escaping import code, count
from karst.report.fitting import Part, always, fit
from karst.report.model import PlanReport
from karst.report.plan_tables import (
    moved_part,
    notes_part,
    resources_part,
    services_part,
    unchanged_part,
)

LIMITED = (
    "> [!IMPORTANT]\n"
    "> **A limited plan.** Neither the state nor the engine could be asked here, so this is only the difference "
    "between two versions of `repos.yaml` and `repos.lock`. What the containers need beyond that shows when it is applied."
)


def render_comment_body(report: PlanReport, *, room: int, details_url: str = "") -> str:
    """The visible body as Markdown, at most `room` characters.

    What gives way for length, first to last: Terraform's resources, unchanged
    services, moved refs, the table's columns and then rows, the warnings' names.
    Counts always stay. `details_url` is where the full text is.
    """
    found = fit(plan_parts(report), room, details_url=details_url)
    return verdict_text(report)[:room] if found is None else found


def plan_parts(report: PlanReport) -> list[Part]:
    """The pieces of a plan's document, in reading order."""
    return [
        always(f"### Plan of {headline(report)}"),
        always(place("For", report.target, report.label)),
        always(LIMITED if report.limited else ""),
        *plan_body(report),
    ]


def plan_body(report: PlanReport) -> list[Part]:
    """What stands below the verdict."""
    return [
        alerts_part(report),
        services_part(report),
        moved_part(report.moved),
        notes_part(report.notes),
        unchanged_part(report),
        resources_part(report),
    ]


def headline(report: PlanReport) -> str:
    """ "`shop`: 1 to add, 2 to change, 1 to remove, 3 unchanged"."""
    return f"{code(report.stack, 80)}: {verdict_text(report)}"


def verdict_text(report: PlanReport) -> str:
    """The counts in words, without anybody's names."""
    counts = report.counts
    if report.empty:
        return f"no changes, {count(counts['keep'], 'service')} unchanged"
    return (
        f"{counts['add']} to add, {counts['change']} to change, "
        f"{counts['remove']} to remove, {counts['keep']} unchanged"
    )


def place(word: str, target: str, label: str) -> str:
    """Target and label, where there are any: "On target `x`, label `y`."."""
    parts = []
    if target:
        parts.append(f"target {code(target, 120)}")
    if label:
        parts.append(f"label {code(label, 80)}")
    return f"{word} {', '.join(parts)}." if parts else ""
