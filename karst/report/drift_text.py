"""What drifted, for people: on a terminal, and as the one issue that stays about it."""

from __future__ import annotations

from collections.abc import Callable

from karst.report.escaping import clean, code, count
from karst.report.model import PlanReport, RunReport

_MOST = 100
_ROOM = 30_000


def render_drift(report: RunReport) -> str:
    """A line per difference, on a terminal."""
    lines = [f"  {line}" for line in _lines(report, clean)]
    if not lines:
        return f"'{report.stack}' is as the last apply left it."
    head = f"'{report.stack}' differs from its last apply:"
    return "\n".join([head, *lines, f"{count(len(lines), 'difference')}."])


def drift_issue(report: RunReport) -> tuple[str, str]:
    """Title and text of the issue about this stack's drift, whose text others' words
    can't break out of; the text of one that is clean closes it."""
    title = f"{clean(report.stack, 80)} differs from its last apply"
    lines = [f"- {line}" for line in _lines(report, code)]
    if not lines:
        return title, f"{code(report.stack, 80)} is as its last apply left it."
    shown: list[str] = []
    for line in lines[:_MOST]:
        if sum(len(each) for each in shown) + len(line) > _ROOM:
            break
        shown.append(line)
    more = len(lines) - len(shown)
    if more:
        shown.append(f"- and {count(more, 'more difference')}")
    text = [
        f"{count(len(lines), 'difference')} between {code(report.stack, 80)} and what was applied last:",
        "",
        *shown,
        "",
        "An apply of the default branch puts all of it right. Where somebody changed the target on purpose, say it in `repos.yaml` instead: the next apply undoes the rest.",
    ]
    return title, "\n".join(text)


def _lines(report: RunReport, quote: Callable[[str], str]) -> list[str]:
    plan = report.plan or PlanReport(report.stack)
    found = [
        f"{quote(change.address)}: {'/'.join(change.actions)}"
        + (f" ({', '.join(change.attributes)})" if change.attributes else "")
        for change in plan.resources
    ]
    for failure in report.failures:
        place = f"{quote(failure.where)}: " if failure.where else ""
        found.append(place + quote(failure.what))
    return found
