"""What the mesh part saw, as ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import median

from bench.figures import Figure, Pair, compared
from bench.load import Load

_MOST = 1.10


def mesh_figures(
    seen: Sequence[dict[str, Load]], *, one: int, many: int
) -> Iterator[Figure]:
    """Figures of rounds: "WAY CONNECTIONS" => load; karst beside each other way."""
    for other, most in (("hand-tuned", _MOST), ("direct", None)):
        words = ("karst", other)
        for quantile in ("p50", "p99"):
            pairs = _pairs(seen, f"karst {one}", f"{other} {one}", quantile)
            name = f"{quantile} at {one} connection / {other}"
            yield compared(name, pairs, unit="µs", words=words, most=most, digits=0)
        # Time per request, so that more is worse here too.
        pairs = _pairs(seen, f"karst {many}", f"{other} {many}", "period")
        name = f"time per request at {many} connections / {other}"
        yield compared(name, pairs, unit="µs", words=words, most=most, digits=1)
    words = ("karst", "hand-tuned")
    pairs = _pairs(seen, f"karst {many}", f"hand-tuned {many}", "processor")
    name = "processor time per request / hand-tuned"
    yield compared(name, pairs, unit="µs", words=words, most=_MOST, digits=1)
    ways = [name for name in seen[0] if name.endswith(f" {many}")]
    rates = [
        f"{way.split()[0]} {median(s[way].rate for s in seen):,.0f}" for way in ways
    ]
    values = [{way: asdict(load) for way, load in s.items()} for s in seen]
    name = f"requests/s at {many} connections"
    yield Figure(name, None, ", ".join(rates), values=values)


def _pairs(
    seen: Sequence[dict[str, Load]], ours: str, theirs: str, what: str
) -> list[Pair]:
    return [Pair(getattr(s[ours], what), getattr(s[theirs], what)) for s in seen]
