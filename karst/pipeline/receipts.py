"""Receipts made of a plan, and the pins that they give back to a later plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from json import loads

import karst
from karst.config.spec import ServiceSpec, StackSpec
from karst.fetch.lock import LockEntry, RepoLock, is_pinnable
from karst.pipeline.tools import Planned
from karst.terraform import Applied
from karst.terraform.receipt import (
    ABSENT,
    Mark,
    Part,
    Receipt,
    VoidReceiptError,
    mark,
    parse_pin,
)
from karst.terraform.receipt_parts import (
    changed_parts,
    edges_entry,
    is_restored,
    text_entry,
    wanted_mark,
)


@dataclass(frozen=True)
class Occasion:
    """What a plan was made for.

    Attributes:
        repository: the calling repository, `acme/shop`.
        target, label: with the stack, what tells comments of one request apart.
        head: the request's own last commit; never that of a trial merge.
        base: commit of the branch that it was planned against, to explain by.
    """

    repository: str
    target: str
    label: str
    request: int
    head: str
    base: str = ""

    def receipt(self, stack: str) -> Receipt:
        """A receipt that names nothing yet."""
        return Receipt(
            repository=self.repository,
            stack=stack,
            target=self.target,
            label=self.label,
            request=self.request,
            head=self.head,
            karst=karst.__version__,
            base=self.base,
        )


def make_receipt(
    planned: Planned, occasion: Occasion, serial: int | None = None
) -> Receipt:
    """The receipt of a plan: each part that it would change, and what that will be.

    What would only be put back is left out: there is nothing to review in it, and it
    may be another request's to change.
    """
    spec, plan = planned.spec, planned.plan
    services: dict[str, dict[Part, Mark]] = {}
    for service, parts in changed_parts(plan).items():
        for part in parts:
            if not is_restored(plan, spec, planned.applied, service, part):
                said = wanted_mark(spec, plan.stack, service, part)
                services.setdefault(service, {})[part] = said
    return replace(
        occasion.receipt(spec.name),
        services=services,
        pins=_named(planned.lock, services),
        serial=serial,
    )


def make_limited_receipt(
    before: StackSpec | None,
    after: StackSpec,
    locks: tuple[RepoLock, RepoLock],
    occasion: Occasion,
) -> Receipt:
    """The receipt of a plan without state or engine: what two repos.yaml differ in.

    Args:
        before: the base's, None where it has none.
        locks: the base's pins and the request's.
    """
    old = {s.name: s for s in before.services} if before else {}
    new = {s.name: s for s in after.services}
    services: dict[str, dict[Part, Mark]] = {
        name: {"release": ABSENT} for name in old if name not in new
    }
    for name, service in new.items():
        marks: dict[Part, Mark] = {}
        past = old.get(name)
        moved = _commit(locks[0], past) != _commit(locks[1], service)
        text = text_entry(after, name)
        edges = edges_entry(after, after.callees(name), name)
        if before is None or past is None or moved or text_entry(before, name) != text:
            marks["text"] = mark(text)
        if (
            before is None
            or past is None
            or before.callees(name) != after.callees(name)
        ):
            marks["edges"] = mark(edges)
        if marks:
            services[name] = marks
    return replace(
        occasion.receipt(after.name),
        services=services,
        pins=_named(locks[1], services),
        limited=True,
    )


def _commit(lock: RepoLock, spec: ServiceSpec | None) -> str:
    entry = lock.find(spec) if spec else None
    return entry.commit if entry else ""


def _named(lock: RepoLock, services: Iterable[str]) -> RepoLock:
    names = set(services)
    return RepoLock.of(entry for entry in lock.entries if entry.service in names)


def choose_pins(
    spec: StackSpec, lock: RepoLock, receipts: Iterable[Receipt], applied: Applied
) -> RepoLock:
    """What a plan on the branch is made of, so that it comes out as it was reviewed.

    For each service: repos.lock where it answers, for that was reviewed with the rest
    of the repository; else what the newest receipt that names the service pinned; else,
    for a service that nobody named, what it runs on now. What is left is resolved.

    Args:
        receipts: the oldest first.
    """
    newest: dict[str, LockEntry | None] = {}
    for receipt in receipts:
        pinned = {entry.service: entry for entry in receipt.pins.entries}
        for name, marks in receipt.services.items():
            if "release" in marks or "text" in marks:
                newest[name] = pinned.get(name)
    entries = []
    for service in spec.services:
        if not is_pinnable(service):
            continue
        entry = lock.find(service)
        if entry is None and service.name in newest:
            entry = newest[service.name]
        elif entry is None:
            entry = _running(service, applied)
        if entry is not None and entry.answers(service):
            entries.append(replace(entry, service=service.name))
    return RepoLock.of(entries)


def _running(service: ServiceSpec, applied: Applied) -> LockEntry | None:
    for release in applied.releases_of(service.name):
        try:
            pin = parse_pin(loads(release.pin)) if release.pin else None
        except (ValueError, TypeError, AttributeError, VoidReceiptError):
            pin = None  # another version's: then it is resolved like a new one
        if pin and pin.answers(service):
            return pin
    return None
