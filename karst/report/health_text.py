"""A health report for people and for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from karst.health import Verdict
from karst.report.escaping import clean, count, log_line
from karst.report.table import render_table

_WIDTH = 2000
_KEYS = (
    "service",
    "release",
    "state",
    "reason",
    "latency_ms",
    "restarts",
    "exit_reason",
    "certificate_ends",
    "mesh_version",
)


def render_health(verdicts: Iterable[Verdict], rolled_back: Iterable[str] = ()) -> str:
    """A line per service; below, what a failed one left behind.

    `rolled_back` are services whose verdict is of a new release that was put back.
    """
    found = list(verdicts)
    back = set(rolled_back)
    rows = [
        (
            v.service,
            f"{v.state}, put back" if v.service in back else v.state,
            "-" if v.latency_p50_ms is None else f"{v.latency_p50_ms:.1f} ms",
            str(v.restarts),
            f"{v.release}, removed" if v.service in back else v.release,
            v.certificate_ends[:10] or "-",
        )
        for v in found
    ]
    header = ("SERVICE", "HEALTH", "LATENCY", "RESTARTS", "RELEASE", "CERTIFICATE ENDS")
    parts = [render_table(header, rows)]
    parts += [_failure(v, v.service in back) for v in found if not v.well]
    told = (healthy_words(found, back), put_back_words(back))
    parts.append(f"{', '.join(filter(None, told))}.")
    return "\n".join(parts)


def healthy_words(verdicts: Iterable[Verdict], rolled_back: Collection[str]) -> str:
    """How many are healthy of those that were not put back: nobody has asked again
    what runs on of the others. "" where that leaves none."""
    asked = [v for v in verdicts if v.service not in rolled_back]
    if rolled_back and not asked:
        return ""
    total = count(len(asked), "service is", "services are")
    return f"{sum(v.well for v in asked)} of {total} healthy over mTLS"


def put_back_words(rolled_back: Collection[str]) -> str:
    if not rolled_back:
        return ""
    one = len(rolled_back) == 1
    kept = "its former release runs on" if one else "their former releases run on"
    return f"{len(rolled_back)} put back: {kept}"


def _failure(verdict: Verdict, back: bool) -> str:
    lines = [f"\n{verdict.service}: {clean(verdict.reason) or verdict.state}"]
    if back:
        lines.append(f"  release {verdict.release} was removed; the former one runs on")
    if verdict.exit_reason:
        lines.append(f"  the app ended: {clean(verdict.exit_reason)}")
    if verdict.last_lines:
        lines.append("  its last lines:")
        lines += [f"  | {log_line(line, _WIDTH)}" for line in verdict.last_lines]
    return "\n".join(lines) + "\n"


def health_document(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """The report as JSON would hold it."""
    found = list(verdicts)
    return {
        "healthy": all(v.well for v in found),
        "services": [_entry(v) for v in found],
    }


def _entry(verdict: Verdict) -> dict[str, Any]:
    """The keys that programs know; a Verdict may have learnt more since."""
    return {name: getattr(verdict, name) for name in _KEYS} | {
        "last_lines": list(verdict.last_lines)
    }
