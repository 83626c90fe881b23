"""What was tried between services: a matrix for a few, a line per caller for many."""

from __future__ import annotations

from collections.abc import Sequence

from karst.health.edges import EdgeVerdict
from karst.report.escaping import code, count, table
from karst.report.model import RunReport

# A wider matrix does not fit a page.
_MATRIX = 10
_FAILED = 200
_EXPECTED = {
    "allowed": "must be answered",
    "denied": "must be refused",
    "plaintext": "plaintext, must be refused",
}


def edges_verdict(edges: Sequence[EdgeVerdict]) -> str:
    """ "12 of 12 allowed edges answered, ...", in karst's own words."""
    parts = []
    for kind, words in (
        ("allowed", "allowed edges answered"),
        ("denied", "denied edges refused"),
        ("plaintext", "plaintext attempts refused"),
    ):
        mine = [e for e in edges if e.expected == kind]
        if mine:
            parts.append(f"{sum(e.well for e in mine)} of {len(mine)} {words}")
    return ", ".join(parts)


def failed_edges(edges: Sequence[EdgeVerdict], most: int = _FAILED) -> str:
    """A row for each edge that did not behave, or ""."""
    failed = [e for e in edges if not e.well]
    if not failed:
        return ""
    rows = [
        (
            code(e.caller, 200) or "a stranger",
            code(e.callee, 200),
            _EXPECTED[e.expected],
            code(e.detail, 200),
        )
        for e in failed[:most]
    ]
    text = table(("Caller", "Callee", "Expected", "What came back"), rows)
    if len(failed) > most:
        text += f"\n\nand {count(len(failed) - most, 'more edge')} that did not behave."
    return text


def matrix(report: RunReport) -> str:
    """Who reached whom: callers as rows, callees as columns."""
    tried = {(e.caller, e.callee): e for e in report.edges if e.expected != "plaintext"}
    if not tried:
        return ""
    callers = list(dict.fromkeys(caller for caller, _ in tried))
    callees = list(dict.fromkeys(callee for _, callee in tried))
    if len(callees) > _MATRIX:
        return _by_caller(report.edges, callers)
    rows = [
        (code(caller, 60), *(_mark(tried.get((caller, callee))) for callee in callees))
        for caller in callers
    ]
    legend = "✓ allowed and answered, – denied and refused, **!** not as it should be."
    header = ("calls →", *(code(callee, 40) for callee in callees))
    return f"{table(header, rows)}\n\n{legend}"


def _mark(edge: EdgeVerdict | None) -> str:
    if edge is None:
        return ""
    if not edge.well:
        return "**!**"
    return "✓" if edge.expected == "allowed" else "–"


def _by_caller(edges: Sequence[EdgeVerdict], callers: Sequence[str]) -> str:
    rows = []
    for caller in callers:
        mine = [e for e in edges if e.caller == caller and e.expected != "plaintext"]
        slow = [e.latency_ms for e in mine if e.latency_ms is not None]
        rows.append(
            (
                code(caller, 200),
                _share(mine, "allowed"),
                _share(mine, "denied"),
                f"{max(slow):.1f} ms" if slow else "",
            )
        )
    header = ("Caller", "Allowed, answered", "Denied, refused", "Slowest")
    return table(header, rows)


def _share(edges: Sequence[EdgeVerdict], kind: str) -> str:
    mine = [e for e in edges if e.expected == kind]
    well = sum(e.well for e in mine)
    if not mine:
        return ""
    text = f"{well} of {len(mine)}"
    return text if well == len(mine) else f"**{text}**"
