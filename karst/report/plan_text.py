"""A plan for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from karst.report.alerts import find_alerts
from karst.report.escaping import count
from karst.report.model import PlanReport, ServiceLine
from karst.report.table import render_table
from karst.terraform import Plan

_MARKS = {"add": "+", "change": "~", "remove": "-", "keep": " "}
# A service's line says what happens to these.
_TOLD = {"app", "sidecar", "release", "edges", "door"}

# What a document says beyond Terraform's plan, and where a line has it.
_LISTED = {
    "doors_opened": "published",
    "doors_closed": "unpublished",
    "secrets_added": "secrets",
    "old_releases_removed": "leftovers",
    "differs": "differs",
}

# Of what differs, a table has a column for these.
_COLUMNS = ("commit", "image")


def render_plan(report: PlanReport) -> str:
    """What would happen, a line per service; unchanged ones are only counted."""
    counts = report.counts
    touched = [s for s in report.services if s.action != "keep"]
    if report.empty:
        kept = count(counts["keep"], "service")
        return (
            f"No changes: repos.yaml wants what was applied last ({kept}). "
            "`karst drift` and `karst health` look at what runs."
        )
    lines = []
    if touched:
        lines.append(_table([_row(line) for line in touched]))
        lines += _differences(touched)
    lines += _alerts(report)
    for resource in report.resources:
        if resource.role not in _TOLD:
            lines.append(f"  {'/'.join(resource.actions)} {resource.address}")
    for resource in report.resources:
        if resource.attributes and resource.role in ("app", "sidecar", "door", "mesh"):
            names = ", ".join(resource.attributes)
            lines.append(f"  {resource.address} differs in: {names}")
    lines.append(
        f"Plan: {counts['add']} to add, {counts['change']} to change, "
        f"{counts['remove']} to remove, {counts['keep']} to keep."
    )
    return "\n".join(lines)


def _table(rows: list[tuple[str, ...]]) -> str:
    """Without the columns that nobody fills."""
    header = ("", "SERVICE", "RELEASE", "COMMIT", "IMAGE", "EDGES")
    kept = [i for i in range(len(header)) if i < 3 or any(row[i] for row in rows)]
    return render_table([header[i] for i in kept], [[r[i] for i in kept] for r in rows])


def _row(line: ServiceLine) -> tuple[str, ...]:
    edges = [f"+{name}" for name in line.opened]
    if line.action != "remove":
        edges += [f"-{name}" for name in line.closed]
    return (
        _MARKS[line.action],
        line.service,
        _way(line.old_release, line.new_release),
        _commits(line),
        line.image,
        " ".join(edges),
    )


def _way(old: str, new: str) -> str:
    return f"{old} -> {new}" if old and new and old != new else new or old


def _commits(line: ServiceLine) -> str:
    if line.action == "change" and line.old_commit and not line.new_commit:
        return f"{line.old_commit[:7]} -> -"
    return _way(line.old_commit[:7], line.new_commit[:7])


def _differences(lines: Iterable[ServiceLine]) -> Iterable[str]:
    """What makes a new release and has no column."""
    for line in lines:
        found = [words for words in line.differs if words not in _COLUMNS]
        if found:
            yield f"  {line.service} differs in: {', '.join(found)}"


def _alerts(report: PlanReport) -> Iterable[str]:
    """Whom an added service may call is in its line; of others, it is a surprise."""
    lines = (replace(s, opened=()) if s.action == "add" else s for s in report.services)
    for alert in find_alerts(replace(report, services=tuple(lines))):
        if alert.kind == "destroy" and not alert.text:
            yield from (f"! {name} will be destroyed" for name in alert.names)
            continue
        words = (", ".join(alert.subjects), alert.text, ", ".join(alert.names))
        text = " ".join(word for word in words if word)
        yield f"! security: {text}" if alert.kind == "security" else f"! {text}"


def plan_document(plan: Plan, lines: Iterable[ServiceLine] = ()) -> dict[str, Any]:
    """The plan as JSON would hold it; `lines` tell what makes a change one."""
    told = {line.service: line for line in lines}
    return {
        "stack": plan.stack.name,
        "changes": not plan.empty,
        "counts": plan.counts(),
        "fingerprint": plan.fingerprint,
        "services": [
            {
                "service": c.service,
                "action": c.action,
                "old": c.old,
                "new": c.new,
                "edges_opened": list(c.opened),
                "edges_closed": list(c.closed),
                **{
                    key: list(getattr(told.get(c.service), name, ()))
                    for key, name in _LISTED.items()
                },
            }
            for c in plan.services
        ],
        "resources": [
            {
                "address": r.address,
                "actions": list(r.actions),
                "attributes": list(r.attributes),
            }
            for r in plan.resources
        ],
    }
