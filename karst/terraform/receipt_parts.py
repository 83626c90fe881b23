"""Which parts of a plan a receipt has to name, and what each of them will be. Pure.

A service has three parts that change apart: its release (two containers), its edges
and its door. Marks are taken of each, so that a neighbour's newcomer, which opens an
edge under `mesh.default: allow`, does not void what was said about a release.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from karst.config.spec import StackSpec
from karst.mesh import addresses
from karst.terraform.plan import Plan
from karst.terraform.receipt import ABSENT, NETWORK, Mark, Part, mark
from karst.terraform.stack import Applied, DoorRelease, Release, Stack

_ROLES: Mapping[str, Part] = {
    "app": "release",
    "sidecar": "release",
    "release": "release",
    "edges": "edges",
    "door": "door",
}
# Addresses are chosen anew by every plan, names follow from the rest; commit and pin
# are how it came to its image, which is what counts.
_COMPUTED = ("address", "virtual_address", "container", "revision", "pin", "subnet")
Entry = Mapping[str, Any]


def changed_parts(plan: Plan) -> dict[str, tuple[Part, ...]]:
    """Service (or NETWORK) => parts that Terraform would touch; nothing is left out.

    A resource of no known role counts as the network's.
    """
    found: dict[str, set[Part]] = {}
    for change in plan.resources:
        part = _ROLES.get(change.role, "network")
        service = change.key.partition("@")[0] if part != "network" else NETWORK
        found.setdefault(service, set()).add(part)
    for each in plan.services:
        if each.action == "remove":
            # Its release says it all; edges and door go with it.
            found[each.service] = {"release"}
    return {name: tuple(sorted(parts)) for name, parts in sorted(found.items())}


def wanted_entry(
    spec: StackSpec, stack: Stack, service: str, part: Part
) -> Entry | None:
    """The fields of what a part will be; None where it will not be there."""
    if part == "network":
        return network_entry(spec)
    if service not in {r.service for r in stack.services.values()}:
        return None
    if part == "text":
        return text_entry(spec, service)
    if part == "edges":
        return edges_entry(spec, stack.edges.get(service, ()), service)
    if part == "door":
        door = stack.doors.get(service)
        return door_entry(door) if door else None
    return release_entry(stack.release_of(service))


def wanted_mark(spec: StackSpec, stack: Stack, service: str, part: Part) -> Mark:
    entry = wanted_entry(spec, stack, service, part)
    return ABSENT if entry is None else mark(entry)


def is_restored(
    plan: Plan, spec: StackSpec, applied: Applied, service: str, part: Part
) -> bool:
    """Whether a part would only be put back to what was applied before.

    Somebody altered a container, or an apply ended half-way: there is nothing new in
    it that anybody could review.
    """
    if part == "network":
        made = [r.actions for r in plan.resources if r.role not in _ROLES]
        return bool(applied.services) and set(made) == {("create",)}
    wanted = wanted_entry(spec, plan.stack, service, part)
    if wanted is None:
        return False
    if part == "edges":
        return _same_edges(plan, applied, service, everybody=wanted["calls"] == "*")
    if part == "door":
        door = applied.doors.get(service)
        return door is not None and door_entry(door) == wanted
    return any(release_entry(r) == wanted for r in applied.releases_of(service))


def _same_edges(plan: Plan, applied: Applied, service: str, *, everybody: bool) -> bool:
    """Whether a service may call whom it might before.

    One that may call everybody may call a newcomer: that is the newcomer's to show, and
    a request that was planned before a neighbour came in knows nothing of it.
    """
    if service not in applied.edges:
        return False
    before = set(applied.edges[service])
    after = set(plan.stack.edges.get(service, ()))
    if everybody:
        known = {r.service for r in applied.services.values()}
        staying = known & {r.service for r in plan.stack.services.values()}
        return before & staying == after & staying
    return before == after


def release_entry(release: Release) -> Entry:
    entry = asdict(release)
    del entry["release"]
    return _without_computed(entry)


def door_entry(door: DoorRelease) -> Entry:
    """Its release stays in: only that tells how the door speaks to browsers."""
    return _without_computed(asdict(door))


def edges_entry(spec: StackSpec, callees: tuple[str, ...], service: str) -> Entry:
    """Whom a service may call; everybody, where repos.yaml leaves it to the default.

    "Everybody" stays what it is when a neighbour joins.
    """
    silent = spec.service(service).calls is None and spec.mesh.default == "allow"
    return {"calls": "*" if silent else sorted(callees)}


def network_entry(spec: StackSpec) -> Entry:
    """The mesh's network; all of it follows from repos.yaml."""
    division = addresses.divide(spec.mesh.subnet)
    return {
        "stack": spec.name,
        "name": spec.mesh.network,
        "subnet": str(division.subnet),
        "gateway": str(division.gateway),
        "ip_range": str(division.dynamic),
    }


def text_entry(spec: StackSpec, service: str) -> Entry:
    """What repos.yaml says of a service and of the mesh, wherever it says so."""
    written = spec.service(service)
    entry = asdict(written)
    del entry["line"]
    entry["slug"] = str(written.slug) if written.slug else None
    return {**entry, "mesh": asdict(spec.mesh)}


def _without_computed(entry: dict[str, Any]) -> Entry:
    agent = json.loads(entry["agent"])
    agent.pop("release", None)
    kept = {name: value for name, value in entry.items() if name not in _COMPUTED}
    # Through JSON: what was read from a state has lists where ours are tuples.
    normal: Entry = json.loads(json.dumps({**kept, "agent": agent}))
    return normal
