"""A plan without state or engine: what two versions of repos.yaml differ in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from karst.config.spec import ServiceSpec, StackSpec
from karst.fetch.lock import RepoLock
from karst.report.model import Alert, PlanReport, ServiceLine

# Keys of repos.yaml that a line has a place of its own for.
_TOLD = ("name", "line", "written", "slug", "calls", "secrets", "publish", "env")


def limited_report(
    before: StackSpec | None,
    after: StackSpec,
    locks: tuple[RepoLock, RepoLock],
    *,
    target: str = "",
    label: str = "",
    alerts: tuple[Alert, ...] = (),
    notes: tuple[str, ...] = (),
) -> PlanReport:
    """What the request changes of repos.yaml and repos.lock.

    Args:
        before: the base branch's, None where it has none.
        locks: the base's pins and the request's.
    """
    old = {s.name: s for s in before.services} if before else {}
    new = {s.name: s for s in after.services}
    lines = [
        _line(old.get(name), service, _edges(before, name), _edges(after, name), locks)
        for name, service in new.items()
    ]
    lines += [
        _removed(service, locks[0]) for name, service in old.items() if name not in new
    ]
    return PlanReport(
        stack=after.name,
        target=target,
        label=label,
        services=tuple(lines),
        alerts=alerts,
        notes=notes,
        mesh={name: after.callees(name) for name in new},
        limited=True,
    )


def _edges(spec: StackSpec | None, name: str) -> tuple[str, ...]:
    known = spec is not None and any(s.name == name for s in spec.services)
    return spec.callees(name) if spec and known else ()


def _line(
    old: ServiceSpec | None,
    new: ServiceSpec,
    before: tuple[str, ...],
    after: tuple[str, ...],
    locks: tuple[RepoLock, RepoLock],
) -> ServiceLine:
    commits = _commit(locks[0], old), _commit(locks[1], new)
    differs = tuple(_differs(old, new)) if old else ()
    moved = old is not None and commits[0] != commits[1]
    edges = before != after and old is not None
    changed = bool(differs) or moved or edges
    published, door = _door(new), _door(old)
    return ServiceLine(
        service=new.name,
        action="add" if old is None else "change" if changed else "keep",
        how=("edges" if edges and not (differs or moved) else "release")
        if old and changed
        else "",
        slug=str(new.slug) if new.slug else "",
        old_commit=commits[0],
        new_commit=commits[1],
        image=new.image or "",
        ports=(f"{new.port}/{new.protocol}",) if new.port else (),
        published=published if door != published else (),
        unpublished=door if door != published else (),
        opened=tuple(n for n in after if n not in before),
        closed=tuple(n for n in before if n not in after),
        secrets=tuple(s for s in new.secrets if not (old and s in old.secrets)),
        differs=differs,
    )


def _removed(service: ServiceSpec, lock: RepoLock) -> ServiceLine:
    return ServiceLine(
        service=service.name,
        action="remove",
        slug=str(service.slug) if service.slug else "",
        old_commit=_commit(lock, service),
    )


def _commit(lock: RepoLock, spec: ServiceSpec | None) -> str:
    entry = lock.find(spec) if spec else None
    return entry.commit if entry else ""


def _door(spec: ServiceSpec | None) -> tuple[str, ...]:
    door = spec.publish if spec else None
    return (f"{door.address}:{door.port}",) if door else ()


def _differs(old: ServiceSpec, new: ServiceSpec) -> Iterator[str]:
    """Names of the keys that differ; never a value."""
    before, after = asdict(old), asdict(new)
    if old.slug != new.slug:
        yield "slug"
    for key in after:
        if key not in _TOLD and before[key] != after[key]:
            yield key.rstrip("_")
    if old.publish != new.publish:
        yield "publish"
    if set(old.secrets) != set(new.secrets):
        yield "secrets"
    yield from (f"env {n}" for n in _names(old.env, new.env))


def _names(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    return (n for n in sorted({*old, *new}) if old.get(n) != new.get(n))
