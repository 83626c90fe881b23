"""The edge matrix for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from karst.health import EdgeVerdict
from karst.report.table import render_table


def render_edges(edges: Iterable[EdgeVerdict]) -> str:
    """The answered edges with their latency, the count of the others, what is wrong."""
    found = list(edges)
    rows = [
        (
            e.caller,
            e.callee,
            "-" if e.latency_ms is None else f"{e.latency_ms:.1f} ms",
            e.detail,
        )
        for e in found
        if e.well and e.expected == "allowed"
    ]
    parts = (
        [render_table(("CALLER", "CALLEE", "LATENCY", "ANSWER"), rows)] if rows else []
    )
    counts = [
        f"{_well(found, 'allowed')} allowed edges answered",
        f"{_well(found, 'denied')} others refused",
        f"{_well(found, 'plaintext')} services refused plaintext",
    ]
    parts.append(", ".join(counts) + ".")
    parts += [f"WRONG: {describe_edge(e)}" for e in found if not e.well]
    return "\n".join(parts)


def describe_edge(edge: EdgeVerdict) -> str:
    """What one wrong answer is, one sentence."""
    if edge.expected == "plaintext":
        return f"{edge.callee} without a certificate: {edge.detail}"
    word = "may call" if edge.expected == "allowed" else "may not call"
    return f"{edge.caller} {word} {edge.callee}: {edge.detail}"


def _well(edges: list[EdgeVerdict], expected: str) -> str:
    of = [e.well for e in edges if e.expected == expected]
    return f"{sum(of)} of {len(of)}"


def edges_document(edges: Iterable[EdgeVerdict]) -> list[dict[str, Any]]:
    """The matrix as JSON would hold it."""
    return [asdict(edge) for edge in edges]
