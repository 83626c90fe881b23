"""Smoke requests for people."""

from __future__ import annotations

from collections.abc import Iterable

from karst.health.smoke import SmokeVerdict
from karst.report.table import render_table


def render_smoke(verdicts: Iterable[SmokeVerdict]) -> str:
    """A line per request; "" where none was asked."""
    found = list(verdicts)
    if not found:
        return ""
    rows = [
        (
            v.service,
            v.asked,
            "-" if v.latency_ms is None else f"{v.latency_ms:.1f} ms",
            v.detail if v.well else f"WRONG: {v.detail}",
        )
        for v in found
    ]
    return render_table(("SERVICE", "REQUEST", "LATENCY", "ANSWER"), rows)
