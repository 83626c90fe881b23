"""A plan for people and for programs."""

from __future__ import annotations

from typing import Any

from karst.report.table import render_table
from karst.terraform import Plan, ServiceChange

_MARKS = {"add": "+", "change": "~", "remove": "-", "keep": " "}


def render_plan(plan: Plan) -> str:
    """What would happen, a line per service; unchanged ones are only counted."""
    counts = plan.counts()
    touched = [c for c in plan.services if c.action != "keep"]
    if plan.empty:
        return f"No changes. {counts['keep']} services are as repos.yaml wants them."
    lines = []
    if touched:
        rows = [_row(plan, change) for change in touched]
        header = ("", "SERVICE", "RELEASE", "IMAGE", "EDGES")
        lines.append(render_table(header, rows))
    for change in touched:
        if change.action == "remove":
            lines.append(f"! {change.service} will be destroyed")
        if change.opened and change.action == "change":
            lines.append(
                f"! security: {change.service} may newly call {', '.join(change.opened)}"
            )
    named = {"app", "sidecar", "release", "edges", "door"}
    other = [r for r in plan.resources if r.role not in named]
    for resource in other:
        lines.append(f"  {'/'.join(resource.actions)} {resource.address}")
    for resource in plan.resources:
        if resource.attributes and resource.role in ("app", "sidecar", "door", "mesh"):
            names = ", ".join(resource.attributes)
            lines.append(f"  {resource.address} differs in: {names}")
    lines.append(
        f"Plan: {counts['add']} to add, {counts['change']} to change, "
        f"{counts['remove']} to remove, {counts['keep']} to keep."
    )
    return "\n".join(lines)


def _row(plan: Plan, change: ServiceChange) -> tuple[str, ...]:
    release = change.new
    if change.old and change.new and change.old != change.new:
        release = f"{change.old} -> {change.new}"
    image = ""
    if change.action != "remove":
        image = plan.stack.release_of(change.service).image
    edges = [f"+{name}" for name in change.opened] + [f"-{n}" for n in change.closed]
    return (
        _MARKS[change.action],
        change.service,
        release or change.old,
        image,
        " ".join(edges),
    )


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON would hold it."""
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
