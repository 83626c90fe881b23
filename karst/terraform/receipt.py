"""The receipt: what a plan showed for each service, so that apply can compare. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from karst.fetch.lock import RepoLock

# What will not be there: a removed service, a door that is closed for good.
NONE = "none"
# Stands where a service's name stands; no service can be called so.
NETWORK = "(network)"

Part = Literal["release", "edges", "door", "network", "text"]
PARTS: tuple[Part, ...] = get_args(Part)


class VoidReceiptError(ValueError):
    """A receipt that does not count, and why; to be told, not to fail by."""


@dataclass(frozen=True)
class Mark:
    """What one part of a service will be.

    Attributes:
        digest: 32 hex digits over its canonical JSON, or NONE.
        fields: two hex digits for each of its fields, by name: they say which field
            differs, and prove nothing; "" where there was no room for them.
    """

    digest: str
    fields: str = ""


Marks = Mapping[Part, Mark]


@dataclass(frozen=True)
class Receipt:
    """What one plan of a request showed. Only what it would change is named.

    Attributes:
        repository: the calling repository, `acme/shop`.
        stack, target, label: the comment that it belongs to.
        request: number of the request.
        head: the request's last commit when it was planned.
        karst: version of karst that planned.
        services: service (or NETWORK) => part => what that will be.
        pins: commit, tree and base image of each service named.
        base, serial: the base's commit and the state's serial, to explain by.
        body: SHA-256 (hex) of the comment's visible text.
        planned: when, in seconds since 1970: a later plan has seen more of the branch.
        incidental: services named that the request itself does not change: they lagged
            behind the branch when it was planned, or a branch they follow moved on.
        limited: made without state or engine; "text" then stands for "release".
    """

    repository: str
    stack: str
    target: str
    label: str
    request: int
    head: str
    karst: str
    services: Mapping[str, Marks] = field(default_factory=dict)
    pins: RepoLock = field(default_factory=RepoLock)
    base: str = ""
    serial: int | None = None
    body: str = ""
    planned: int = 0
    incidental: tuple[str, ...] = ()
    limited: bool = False

    def says(self, service: str, part: Part) -> Mark | None:
        """What it says of a part, None where it does not name it."""
        marks = self.services.get(service, {})
        if self.limited and part in ("release", "door") and "text" in marks:
            return marks["text"]
        return marks.get(part)


def deciding(
    receipts: Iterable[Receipt], service: str, part: Part
) -> tuple[Receipt, ...]:
    """The receipts that decide about a part, the one to go by first; at most two.

    The newest of a request that changes the service itself; then the newest of all,
    where that is newer: it was planned with everything that was merged by then.

    Args:
        receipts: in the order in which their requests came into the branch.
    """
    order = sorted(receipts, key=lambda r: r.planned)
    naming = [r for r in order if r.says(service, part)]
    own = [r for r in naming if service not in r.incidental]
    return tuple(own[-1:] if own[-1:] == naming[-1:] else own[-1:] + naming[-1:])


def mark(entry: Mapping[str, Any]) -> Mark:
    """The mark of a part, given as its fields."""
    fields = "".join(_sha256(entry[name])[:2] for name in sorted(entry))
    return Mark(_sha256(entry)[:32], fields)


ABSENT = Mark(NONE)


def differing(entry: Mapping[str, Any], said: Mark) -> tuple[str, ...]:
    """Names of the fields in which `entry` is not what a receipt said.

    Empty where that can't be told: another version's fields, or no room for them.
    """
    here = mark(entry).fields
    if len(here) != len(said.fields):
        return ()
    return tuple(
        name
        for place, name in enumerate(sorted(entry))
        if here[2 * place : 2 * place + 2] != said.fields[2 * place : 2 * place + 2]
    )


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()
