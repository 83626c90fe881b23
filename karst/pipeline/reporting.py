"""From what the pipeline has in hand to the report that people and forges are told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from karst.fetch.remote import Comparison
from karst.health.edges import EdgeVerdict
from karst.inspection import Entrypoint
from karst.pipeline.applying import ApplyOutcome
from karst.pipeline.tools import Planned
from karst.report.model import (
    Alert,
    Failure,
    How,
    Mode,
    MovedSlug,
    PlanReport,
    RunReport,
    ServiceLine,
)
from karst.terraform import DoorRelease, Release, ServiceChange

# What a release has in words of repos.yaml; the rest follows from these or is karst's.
_DIFFERS = {
    "revision": "commit",
    "image": "image",
    "kind": "kind",
    "command": "command",
    "user": "user",
    "secrets": "secrets",
    "volumes": "volumes",
    "cpus": "resources.cpus",
    "memory": "resources.memory",
    "healthcheck": "health",
    "sidecar_image": "the sidecar's image",
}
_OF_A_RELEASE = ("app", "sidecar", "release")


def plan_report(
    planned: Planned,
    *,
    target: str = "",
    label: str = "",
    comparisons: Mapping[str, Comparison] | None = None,
    moved: Iterable[MovedSlug] = (),
    alerts: Iterable[Alert] = (),
    notes: Iterable[str] = (),
) -> PlanReport:
    """What a plan means.

    Args:
        comparisons: by service, from its old commit to its new one.
        alerts: what shows in no service: another target, another state.
        notes: sentences that may hold others' text.
    """
    ways = comparisons or {}
    return PlanReport(
        stack=planned.spec.name,
        target=target,
        label=label,
        services=tuple(
            _line(planned, change, ways.get(change.service))
            for change in planned.plan.services
        ),
        resources=planned.plan.resources,
        alerts=tuple(alerts),
        moved=tuple(moved),
        notes=tuple(notes),
        mesh=planned.plan.stack.edges,
    )


def run_report(
    planned: Planned,
    outcome: ApplyOutcome,
    plan: PlanReport,
    *,
    mode: Mode = "apply",
    edges: Iterable[EdgeVerdict] = (),
    failures: Iterable[Failure] = (),
) -> RunReport:
    """What an apply came to; services in the order of repos.yaml."""
    order = [s.name for s in planned.spec.services]
    verdicts = sorted(outcome.verdicts.values(), key=lambda v: order.index(v.service))
    return RunReport(
        stack=plan.stack,
        mode=mode,
        target=plan.target,
        label=plan.label,
        plan=plan,
        verdicts=tuple(verdicts),
        edges=tuple(edges),
        mesh=outcome.stack.edges,
        stages=outcome.stages,
        rolled_back=outcome.rolled_back,
        restarted=outcome.restarted,
        certificates_end=outcome.certificates_end,
        failures=tuple(failures),
    )


def _line(
    planned: Planned, change: ServiceChange, compare: Comparison | None
) -> ServiceLine:
    name = change.service
    prepared = planned.prepared.get(name)
    left = _leftovers(planned, change)
    if change.old in left:
        change = replace(change, old="")
    old = _old_release(planned, change)
    new = None
    if change.action != "remove":
        new = planned.plan.stack.release_of(name)
    entrypoint = prepared.entrypoint if prepared else None
    slug = prepared.spec.slug if prepared else None
    before = _doors(planned.applied.doors, name)
    after = _doors(planned.plan.stack.doors, name)
    return ServiceLine(
        service=name,
        action=change.action,
        how=_how(planned, change, left),
        slug=str(slug) if slug else "",
        old_commit=old.revision if old else "",
        new_commit=new.revision if new else "",
        compare=compare,
        old_release=old.release if old else "",
        new_release=new.release if new else "",
        image=new.image if new else "",
        entrypoint=_command(entrypoint),
        why=_why(entrypoint),
        ports=_ports(planned, name) if prepared else (),
        published=tuple(host for host in after if host not in before),
        unpublished=tuple(host for host in before if host not in after)
        if change.action != "remove"
        else (),
        opened=change.opened,
        closed=change.closed,
        secrets=tuple(s for s in new.secrets if not (old and s in old.secrets))
        if new
        else (),
        differs=_differs(old, new) if change.action == "change" else (),
        leftovers=left,
    )


def _leftovers(planned: Planned, change: ServiceChange) -> tuple[str, ...]:
    """Releases that a broken-off deploy left, and that go now; not the one whose place
    a new one takes."""
    if change.action != "change":
        return ()
    touched = {
        (resource.key.partition("@")[2], resource.actions)
        for resource in planned.plan.resources
        if resource.key.partition("@")[0] == change.service
        and resource.role in _OF_A_RELEASE
    }
    found = {release for release, actions in touched if actions == ("delete",)}
    if (change.new, ("create",)) in touched:
        found.discard(change.old)
    return tuple(sorted(found - {change.new}))


def _old_release(planned: Planned, change: ServiceChange) -> Release | None:
    """The release that goes or changes; of several, the one that Terraform deletes."""
    known = {r.release: r for r in planned.applied.releases_of(change.service)}
    first = next(iter(known.values()), None)
    return known.get(change.old or change.new, first)


def _how(planned: Planned, change: ServiceChange, left: tuple[str, ...]) -> How:
    if change.action != "change":
        return ""
    if change.old and change.old != change.new:
        return "release"
    mine = set()
    for resource in planned.plan.resources:
        service, _, release = resource.key.partition("@")
        if service == change.service and release not in left:
            mine.add(resource.role)
    if "app" in mine or "sidecar" in mine:
        return "repair"
    if "door" in mine:
        return "door"
    return "edges" if change.opened or change.closed or not left else "leftover"


def _command(found: Entrypoint | None) -> str:
    if found is None:
        return ""
    return shlex.join(found.command) or "as its Dockerfile says"


def _why(found: Entrypoint | None) -> str:
    """The rule, and the first line that speaks for it."""
    if found is None:
        return ""
    for evidence in found.evidence:
        place = f"{evidence.file}:{evidence.line}" if evidence.line else evidence.file
        return f"{found.rule}, {place}"
    return found.rule


def _ports(planned: Planned, name: str) -> tuple[str, ...]:
    service = planned.spec.service(name)
    found = [f"{service.port}/{service.protocol}"] if service.port else []
    found += [
        f"{_host(door)} -> {service.port}"
        for door in planned.plan.stack.doors.values()
        if door.service == name
    ]
    return tuple(found)


def _doors(doors: Mapping[str, DoorRelease], name: str) -> list[str]:
    return [_host(door) for door in doors.values() if door.service == name]


def _host(door: DoorRelease) -> str:
    return f"{door.host_ip}:{door.host_port}"


def _differs(old: Release | None, new: Release | None) -> tuple[str, ...]:
    """Names of what a release is made of and what changes; never a value."""
    if old is None or new is None or old == new:
        return ()
    found = [
        words
        for name, words in _DIFFERS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    told = _mesh_differs(json.loads(old.agent or "{}"), json.loads(new.agent or "{}"))
    # PORT follows from the port.
    derived = {"PORT"} if any(words.startswith("port ") for words in told) else set()
    names = sorted({*old.env, *new.env} - derived)
    found += [f"env {n}" for n in names if old.env.get(n) != new.env.get(n)]
    return (*found, *(words for words in told if words not in found))


def _mesh_differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What the sidecar is told otherwise; ports and protocols are no secrets."""
    found = [
        f"{name} {old.get(name) or 'none'} -> {new.get(name) or 'none'}"
        for name in ("port", "protocol")
        if old.get(name) != new.get(name)
    ]
    names = {"health": "health", "subnet": "mesh.subnet", "ports": "the mesh's ports"}
    return found + [words for n, words in names.items() if old.get(n) != new.get(n)]
