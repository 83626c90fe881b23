"""Whether a plan on the branch is what was reviewed, service by service. Pure.

The newest receipt that names a part of a service decides about that part
(`receipt.deciding`); what nobody changed needs no receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import karst
from karst.errors import UnreviewedError
from karst.fetch.lock import RepoLock
from karst.pipeline.collecting import ReviewedRequest
from karst.pipeline.tools import Planned
from karst.terraform.receipt import (
    ABSENT,
    Part,
    Receipt,
    deciding,
    differing,
    mark,
)
from karst.terraform.receipt_parts import (
    changed_parts,
    is_restored,
    text_entry,
    wanted_entry,
)

# The year 9999, after which no date is.
_LATEST = 253_402_300_799
OnUnreviewed = Literal["fail", "apply"]


@dataclass(frozen=True)
class ServiceReview:
    """What was found about one service that the plan would change.

    Attributes:
        service: its name, or NETWORK.
        verdict: "restored" is put back to what was applied before: nothing new.
        request: the one whose receipt covers it, or a part of it.
        why: in words, for "unreviewed".
    """

    service: str
    verdict: Literal["reviewed", "restored", "unreviewed"]
    request: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Review:
    """What was found about a plan.

    Attributes:
        voids: requests whose receipts do not count, and why: "#7: ...".
        origins: of the others: when, by which karst and against what they were planned.
    """

    services: tuple[ServiceReview, ...]
    voids: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @property
    def unreviewed(self) -> tuple[ServiceReview, ...]:
        return tuple(s for s in self.services if s.verdict == "unreviewed")

    @property
    def whys(self) -> dict[str, str]:
        """Service => why nobody has reviewed its change."""
        return {each.service: each.why for each in self.unreviewed}

    @property
    def well(self) -> bool:
        return not self.unreviewed


def review(planned: Planned, requests: Sequence[ReviewedRequest]) -> Review:
    """Compare each change of a plan with the receipt that decides about it.

    Args:
        requests: in the order in which they came into the branch.
    """
    found = tuple(
        _review_service(planned, requests, service, parts)
        for service, parts in changed_parts(planned.plan).items()
    )
    voids = tuple(
        f"#{each.request.number}: {void}"
        for each in requests
        if each.receipt is None
        for void in each.voids
    )
    origins = tuple(_origin(each.receipt) for each in requests if each.receipt)
    return Review(found, voids, origins)


def _origin(receipt: Receipt) -> str:
    when = datetime.fromtimestamp(min(receipt.planned, _LATEST), UTC)
    state = "no state" if receipt.serial is None else f"state {receipt.serial}"
    return (
        f"#{receipt.request}: planned {when:%Y-%m-%d %H:%M} UTC by karst "
        f"{receipt.karst:.20}, against {receipt.base[:12] or 'no base'} and {state}"
    )


def refuse_unreviewed(
    found: Review, policy: OnUnreviewed, *, hears_comments: bool = True
) -> None:
    """Raise UnreviewedError that names every service, unless `policy` is "apply".

    `hears_comments`: whether somebody can ask for a plan in a comment.
    """
    if found.well or policy == "apply":
        return
    names = ", ".join(s.service for s in found.unreviewed)
    again = "or `/karst plan` on the merged one, look, and run this again; "
    raise UnreviewedError(
        f"nobody reviewed what would change: {names}",
        remedy=f"plan it on a request and merge that; {again * hears_comments}or set `on-unreviewed: apply`",
        detail="\n".join(
            [
                *(f"{s.service}: {s.why}" for s in found.unreviewed),
                *(f"not counted, {void}" for void in found.voids),
                *(f"counted, {origin}" for origin in found.origins),
            ]
        ),
    )


def _review_service(
    planned: Planned,
    requests: Sequence[ReviewedRequest],
    service: str,
    parts: Iterable[Part],
) -> ServiceReview:
    receipts = [each.receipt for each in requests if each.receipt]
    whys: list[str] = []
    named: list[int] = []
    new = False
    for part in parts:
        if is_restored(planned.plan, planned.spec, planned.applied, service, part):
            continue
        new = True
        found = deciding(receipts, service, part)
        differences = [_difference(planned, service, part, each) for each in found]
        if not found:
            whys.append(f"no receipt names its {_WORDS[part]}")
        elif all(differences):
            whys.append(f"#{found[0].request} {differences[0]}")
        else:
            named.append(found[differences.index("")].request)
    request = named[0] if named else None
    if whys:
        return ServiceReview(service, "unreviewed", request, "; ".join(whys))
    return ServiceReview(service, "reviewed" if new else "restored", request)


_WORDS: dict[Part, str] = {
    "release": "release",
    "edges": "edges",
    "door": "published port",
    "network": "name and range",
    "text": "text",
}


def _difference(planned: Planned, service: str, part: Part, receipt: Receipt) -> str:
    """What is not as the receipt says, in words; "" where all is."""
    said = receipt.says(service, part)
    assert said  # noqa: S101  (the caller found it)
    stack = planned.plan.stack
    wanted = wanted_entry(planned.spec, stack, service, part)
    if receipt.limited and part in ("release", "door") and wanted is not None:
        wanted = text_entry(planned.spec, service)
        if said.digest != ABSENT.digest:
            here, there = _commits(planned.lock, receipt.pins, service)
            if here != there:
                return f"showed it at {there}, and this is {here}"
    if wanted is None:
        return "" if said.digest == ABSENT.digest else "did not show its removal"
    if said.digest == ABSENT.digest:
        return f"showed that its {_WORDS[part]} goes"
    if mark(wanted).digest == said.digest:
        return ""
    fields = differing(wanted, said)
    # `inputs` sums up the user's text and tree: it goes with whatever else differs.
    names = [n for n in fields if n != "inputs"] or list(fields)
    what = f"in {', '.join(names)}" if names else f"in its {_WORDS[part]}"
    if receipt.karst != karst.__version__:
        what += f" (it was planned by karst {receipt.karst:.20}, this is {karst.__version__})"
    return f"showed something else: it differs {what}"


def _commits(here: RepoLock, there: RepoLock, service: str) -> tuple[str, str]:
    """The commits of a service in a plan and in a limited receipt, for people."""

    def told(lock: RepoLock) -> str:
        for entry in lock.entries:
            if entry.service == service and entry.commit:
                return f"commit {entry.commit[:12]}"
        return "no commit that repos.lock names"

    return told(here), told(there)
