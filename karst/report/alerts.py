"""What a reviewer must read first, found in a plan and put into words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from karst.report.escaping import count, names
from karst.report.fitting import Part
from karst.report.model import Alert, PlanReport

_ALL = 10_000
_BOXES = (
    ("destroy", "CAUTION", "Will be destroyed"),
    ("security", "WARNING", "Security-relevant"),
    ("note", "NOTE", "Good to know"),
)


def find_alerts(report: PlanReport) -> tuple[Alert, ...]:
    """Destroyed things first, then what is security-relevant."""
    gone = tuple(s.service for s in report.services if s.action == "remove")
    found = []
    if gone:
        found.append(Alert("destroy", (), "", gone))
    # The network's replacement stops everybody, so it is no mere detail.
    nets = tuple(
        r.address
        for r in report.resources
        if "delete" in r.actions and r.address == "docker_network.mesh"
    )
    if nets:
        text = "the mesh's network, and so every container is made anew:"
        found.append(Alert("destroy", (), text, nets))
    found += report.alerts
    found += _edges(report, "opened", "may newly call")
    found += _edges(report, "closed", "may no longer call")
    for line in report.services:
        if line.secrets:
            known = "reads new secrets:" if line.secrets[1:] else "reads a new secret:"
            found.append(Alert("security", (line.service,), known, line.secrets))
        if line.published:
            text = "is newly published:"
            found.append(Alert("security", (line.service,), text, line.published))
        if line.unpublished:
            text = "is no longer published:"
            found.append(Alert("security", (line.service,), text, line.unpublished))
        if line.leftovers:
            many = line.leftovers[1:]
            what = "old releases, which are" if many else "an old release, which is"
            text = f"still has {what} removed:"
            found.append(Alert("note", (line.service,), text, line.leftovers))
    for each in report.moved:
        if each.is_stray:
            text = "is pinned to a commit that is no part of"
            found.append(Alert("security", (each.service,), text, (each.slug,)))
    return tuple(found)


def _edges(report: PlanReport, way: str, text: str) -> Iterable[Alert]:
    """Few sentences for many edges: where everybody may call everybody, a new service
    opens one from each, and a new stack all of them."""
    ways: dict[str, tuple[str, ...]] = {
        line.service: getattr(line, way)
        for line in report.services
        if line.action != "remove" and getattr(line, way)
    }
    circles: dict[frozenset[str], list[str]] = {}
    for caller, callees in ways.items():
        circles.setdefault(frozenset({caller, *callees}), []).append(caller)
    callers: dict[tuple[str, ...], list[str]] = {}
    for circle, members in circles.items():
        if len(members) > 1:
            others = tuple(sorted(circle - {*members}))
            words = f"{text} each other" + (" and" if others else "")
            yield Alert("security", tuple(members), words, others)
        else:
            callers.setdefault(ways[members[0]], []).append(members[0])
    for callees, who in callers.items():
        yield Alert("security", tuple(who), text, callees)


def alerts_part(report: PlanReport) -> Part:
    """The alerts in boxes; at the least, how many there are of each kind."""
    found = find_alerts(report)

    return Part(
        "warnings",
        partial(_boxes, found, _ALL, 25),
        (
            (45, partial(_boxes, found, 40, 10)),
            (55, partial(_boxes, found, 10, 5)),
            (65, partial(_boxes, found, 3, 2)),
            (75, partial(_boxes, found, 0, 0)),
        ),
    )


def _boxes(alerts: Iterable[Alert], boxed: int, named: int) -> str:
    found = list(alerts)
    boxes = []
    for kind, box, title in _BOXES:
        mine = [a for a in found if a.kind == kind]
        if mine:
            boxes.append(_box(mine, box, title, boxed, named))
    return "\n\n".join(boxes)


def _box(alerts: list[Alert], box: str, title: str, boxed: int, named: int) -> str:
    if not boxed:
        total = sum(len(a.names) if not a.subjects else 1 for a in alerts)
        return f"> [!{box}]\n> **{title}:** {total:,}, see the full text."
    lines = [_sentence(alert, named) for alert in alerts[:boxed]]
    if len(alerts) > boxed:
        lines.append(f"and {count(len(alerts) - boxed, 'more change')} of this kind")
    if len(lines) == 1:
        return f"> [!{box}]\n> **{title}:** {lines[0]}"
    listed = "\n".join(f"> - {line}" for line in lines)
    return f"> [!{box}]\n> **{title}**\n>\n{listed}"


def _sentence(alert: Alert, named: int) -> str:
    # Whole names: two services may differ in their ends only.
    parts = (
        names(alert.subjects, named, 200),
        alert.text,
        names(alert.names, named, 200),
    )
    return " ".join(part for part in parts if part)
