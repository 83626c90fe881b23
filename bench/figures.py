"""What the parts report: figures as ratios, goals beside them, absolute values last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Pair:
    """One run of ours beside one of theirs, same unit."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs if self.theirs else float("inf")


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    Attributes:
        ratio: ours / theirs, the median over pairs; None where nothing is compared.
        absolute: the values behind it, for people.
        goal: what it should be, or "" where there is none.
        verdict: "met", "missed by ..." or "".
        values: everything measured, for the JSON document.
    """

    name: str
    ratio: float | None
    absolute: str
    goal: str = ""
    verdict: str = ""
    values: Any = None

    def line(self) -> str:
        ratio = "       " if self.ratio is None else f"{self.ratio:6.2f}x"
        goal = f"  goal {self.goal}: {self.verdict}" if self.goal else ""
        return f"  {self.name:<44}{ratio}  {self.absolute}{goal}"

    def document(self) -> dict[str, Any]:
        return asdict(self)


def ratio_of(pairs: Sequence[Pair]) -> float:
    return median(p.ratio for p in pairs)


def ours_of(pairs: Sequence[Pair]) -> float:
    return median(p.ours for p in pairs)


def theirs_of(pairs: Sequence[Pair]) -> float:
    return median(p.theirs for p in pairs)


def at_most(value: float, limit: float, unit: str) -> str:
    """ "met", or by how much `value` is over `limit`; `unit` "%" reads ratios."""
    if value <= limit:
        return "met"
    over = value - limit
    told = f"{over * 100:.0f} %" if unit == "%" else f"{over:.2f} {unit}"
    return f"missed by {told}"


def compared(
    name: str,
    pairs: Sequence[Pair],
    *,
    unit: str,
    words: tuple[str, str] = ("karst", "bare"),
    most: float | None = None,
    digits: int = 2,
) -> Figure:
    """The usual figure: the median ratio of pairs, at most `most` where that is given."""
    ratio = ratio_of(pairs)
    absolute = (
        f"{words[0]} {ours_of(pairs):.{digits}f} {unit}, "
        f"{words[1]} {theirs_of(pairs):.{digits}f} {unit}"
    )
    goal = "" if most is None else f"<= {most:.2f}x"
    verdict = "" if most is None else at_most(ratio, most, "%")
    return Figure(name, ratio, absolute, goal, verdict, [asdict(p) for p in pairs])
