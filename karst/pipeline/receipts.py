"""Receipts made of a plan, and the pins that they give back to a later plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from json import loads

import karst
from karst.config.spec import ServiceSpec, StackSpec
from karst.fetch.lock import LockEntry, RepoLock, is_pinnable
from karst.pipeline.tools import Planned
from karst.terraform import Applied
from karst.terraform.receipt import (
    ABSENT,
    NETWORK,
    Mark,
    Part,
    Receipt,
    VoidReceiptError,
    deciding,
    mark,
)
from karst.terraform.receipt_parts import (
    changed_parts,
    edges_entry,
    is_restored,
    network_entry,
    text_entry,
    wanted_mark,
)
from karst.terraform.receipt_text import parse_pin

_NO_LOCK = RepoLock()


@dataclass(frozen=True)
class Occasion:
    """What a plan was made for.

    Attributes:
        repository: the calling repository, `acme/shop`.
        target, label: with the stack, what tells comments of one request apart.
        head: the request's own last commit; never that of a trial merge.
        base: commit of the branch that it was planned against, to explain by.
        planned: when, in seconds since 1970.
        before: repos.yaml of that commit, None where it is not known or has none: then
            everything counts as changed by this request.
        locks: that commit's repos.lock and the request's.
    """

    repository: str
    target: str
    label: str
    request: int
    head: str
    base: str = ""
    planned: int = 0
    before: StackSpec | None = None
    locks: tuple[RepoLock, RepoLock] = (_NO_LOCK, _NO_LOCK)

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
            planned=self.planned,
        )

    def changes(self, after: StackSpec, service: str) -> bool:
        """Whether the request itself changes a service (or the network)."""
        before = self.before
        if before is None:
            return True
        if service == NETWORK:
            return _network(before) != _network(after)
        here, there = _find(after, service), _find(before, service)
        if here is None or there is None:
            return here is not there
        moved = _commit(self.locks[0], there) != _commit(self.locks[1], here)
        return moved or text_entry(before, service) != text_entry(after, service)


def _find(spec: StackSpec, service: str) -> ServiceSpec | None:
    return next((s for s in spec.services if s.name == service), None)


def _network(spec: StackSpec) -> tuple[str, ...]:
    return (spec.name, spec.mesh.network, spec.mesh.subnet)


def _commit(lock: RepoLock, spec: ServiceSpec) -> str:
    entry = lock.find(spec)
    return entry.commit if entry else ""


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
                marks = services.setdefault(service, {})
                marks[part] = said
                if part == "release" and said != ABSENT:
                    # By this a later plan finds the pins that go with its text.
                    text = wanted_mark(spec, plan.stack, service, "text")
                    marks["text"] = replace(text, fields="")
    return replace(
        occasion.receipt(spec.name),
        services=services,
        pins=_named(planned.lock, services),
        serial=serial,
        incidental=tuple(n for n in services if not occasion.changes(spec, n)),
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
        locks: the base's repos.lock and the request's.
    """
    occasion = replace(occasion, before=before, locks=locks)
    names = [s.name for s in after.services]
    services: dict[str, dict[Part, Mark]] = {
        service.name: {"release": ABSENT}
        for service in (before.services if before else ())
        if service.name not in names
    }
    for name in names:
        marks: dict[Part, Mark] = {}
        if occasion.changes(after, name):
            marks["text"] = mark(text_entry(after, name))
        callees = after.callees(name)
        past = before.callees(name) if before and _find(before, name) else None
        if callees != past:
            marks["edges"] = mark(edges_entry(after, callees, name))
        if marks:
            services[name] = marks
    if occasion.changes(after, NETWORK):
        services[NETWORK] = {"network": mark(network_entry(after))}
    return replace(
        occasion.receipt(after.name),
        services=services,
        pins=_named(occasion.locks[1], services),
        limited=True,
    )


def _named(lock: RepoLock, services: Iterable[str]) -> RepoLock:
    names = set(services)
    return RepoLock.of(entry for entry in lock.entries if entry.service in names)


def choose_pins(
    spec: StackSpec, lock: RepoLock, receipts: Sequence[Receipt], applied: Applied
) -> RepoLock:
    """What a plan on the branch is made of, so that it comes out as it was reviewed.

    For each service: repos.lock where it answers, for that was reviewed with the rest
    of the repository; else what the deciding receipt pinned; else, for a service that
    nobody named, what it runs on now. What is left is resolved anew.

    Args:
        receipts: in the order in which their requests came into the branch.
    """
    entries = []
    for service in spec.services:
        if not is_pinnable(service):
            continue
        entry = lock.find(service) or _reviewed(spec, service, receipts, applied)
        if entry is not None and entry.answers(service):
            entries.append(replace(entry, service=service.name))
    return RepoLock.of(entries)


def _reviewed(
    spec: StackSpec,
    service: ServiceSpec,
    receipts: Sequence[Receipt],
    applied: Applied,
) -> LockEntry | None:
    found = deciding(receipts, service.name, "release")
    if not found:
        return _running(service, applied)
    text = mark(text_entry(spec, service.name)).digest
    fit = [r for r in found if _text(r, service.name) == text]
    pins = {e.service: e for e in (fit or found)[0].pins.entries}
    return pins.get(service.name)


def _text(receipt: Receipt, service: str) -> str:
    said = receipt.services[service].get("text")
    return said.digest if said else ""


def _running(service: ServiceSpec, applied: Applied) -> LockEntry | None:
    for release in applied.releases_of(service.name):
        try:
            pin = parse_pin(loads(release.pin)) if release.pin else None
        except (ValueError, TypeError, AttributeError, VoidReceiptError):
            pin = None  # another version's: then it is resolved like a new one
        if pin and pin.answers(service):
            return pin
    return None
