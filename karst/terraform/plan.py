"""The Plan: what Terraform would change, from `terraform show -json`, never from text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from karst.terraform.differing import differing
from karst.terraform.stack import NetworkVariables, Stack, digest

Action = Literal["add", "change", "remove", "keep"]

_ADDRESS = re.compile(r'^(?P<type>\w+)\.(?P<name>\w+)(?:\["(?P<key>[^"]+)"\])?$')


@dataclass(frozen=True)
class ResourceChange:
    """One resource that Terraform would touch.

    Attributes:
        address: Terraform's own ("docker_container.app[\\"api@1f2e3d4c\\"]").
        role: the resource's name in the module: app, sidecar, door, release, edges, mesh.
        key: the for_each key, or "".
        actions: Terraform's ("create",), ("delete",), ("update",), ("delete", "create").
        attributes: names of what differs, for an update or a replacement.
    """

    address: str
    role: str
    key: str
    actions: tuple[str, ...]
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServiceChange:
    """What happens to one service; releases are "" where there is none.

    `opened` and `closed` are edges to callees.
    """

    service: str
    action: Action
    old: str = ""
    new: str = ""
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A saved plan and what is in it.

    Attributes:
        stack: the variables it was made with.
        path: the saved plan file.
        known: names of the containers that the state has.
        fingerprint: digest over every change (canonical JSON), equal for equal plans.
    """

    stack: Stack
    path: Path
    resources: tuple[ResourceChange, ...]
    services: tuple[ServiceChange, ...]
    fingerprint: str
    known: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        return not self.resources and all(c.action == "keep" for c in self.services)

    def counts(self) -> dict[str, int]:
        """Services by what happens to them: add, change, remove, keep."""
        found = {"add": 0, "change": 0, "remove": 0, "keep": 0}
        for change in self.services:
            found[change.action] += 1
        return found


# What `terraform plan -json` calls the actions of `show -json`.
_SHORT = {
    ("create",): "create",
    ("delete",): "delete",
    ("update",): "update",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}
_NOTHING = ("noop", "read")


@dataclass(frozen=True)
class PartPlan:
    """A saved plan for a part of what another one holds.

    Attributes:
        changes: address => create, update, replace or delete.
    """

    path: Path
    changes: Mapping[str, str]

    def beyond(self, whole: Plan) -> tuple[str, ...]:
        """Changes that `whole` does not hold: "address (action)"."""
        allowed = {r.address: _SHORT.get(r.actions) for r in whole.resources}
        return tuple(
            f"{address} ({action})"
            for address, action in sorted(self.changes.items())
            if allowed.get(address) != action
        )


def parse_part(text: str, *, path: Path) -> PartPlan:
    """Parse the lines of `terraform plan -json`.

    They tell address and action, which `show -json` tells too: but that starts the
    provider once more, for half of a small plan's time.
    """
    changes = {}
    for line in text.splitlines():
        message = json.loads(line)
        if message.get("type") == "planned_change":
            change = message["change"]
            if change["action"] not in _NOTHING:
                changes[change["resource"]["addr"]] = change["action"]
    return PartPlan(path, changes)


def parse_plan(
    text: str, *, stack: Stack, path: Path, applied_edges: Mapping[str, tuple[str, ...]]
) -> Plan:
    """Parse `terraform show -json PLANFILE`."""
    document = json.loads(text)
    touched = []
    canonical = []
    known = set()
    for entry in document.get("resource_changes", []):
        change = entry["change"]
        if entry.get("type") == "docker_container" and change.get("before"):
            known.add(change["before"]["name"])
        actions = tuple(change["actions"])
        if actions in (("no-op",), ("read",)):
            continue
        match = _ADDRESS.match(entry["address"])
        touched.append(
            ResourceChange(
                address=entry["address"],
                role=match["name"] if match else entry["name"],
                key=str(entry.get("index", "") or ""),
                actions=actions,
                attributes=differing(change),
            )
        )
        canonical.append(
            [
                entry["address"],
                actions,
                change.get("after"),
                change.get("after_unknown"),
            ]
        )
    resources = tuple(sorted(touched, key=lambda c: c.address))
    canonical.sort(key=lambda c: str(c[0]))
    return Plan(
        stack=stack,
        path=path,
        resources=resources,
        services=_by_service(resources, stack, applied_edges),
        fingerprint=digest(canonical, 64),
        known=frozenset(known),
    )


def plan_of_nothing(
    *, stack: Stack, path: Path, applied_edges: Mapping[str, tuple[str, ...]]
) -> Plan:
    """The Plan of a stack that stands as it is wanted: the state has its containers."""
    containers = {r.container for r in stack.services.values()}
    containers |= {r.sidecar for r in stack.services.values()}
    containers |= {d.container for d in stack.doors.values()}
    return Plan(
        stack=stack,
        path=path,
        resources=(),
        services=_by_service((), stack, applied_edges),
        fingerprint=digest([], 64),
        known=frozenset(containers),
    )


def parse_containers(text: str) -> frozenset[str]:
    """Names of the containers in a state: `terraform show -json` without a plan."""
    values = json.loads(text).get("values") or {}
    resources = values.get("root_module", {}).get("resources", [])
    return frozenset(
        r["values"]["name"] for r in resources if r["type"] == "docker_container"
    )


def parse_network(text: str) -> NetworkVariables | None:
    """The mesh's network in a state, as it was made; None where there is none."""
    values = json.loads(text).get("values") or {}
    for resource in values.get("root_module", {}).get("resources", []):
        if resource["address"] == "docker_network.mesh":
            (made,) = resource["values"]["ipam_config"] or [{}]
            return NetworkVariables(
                resource["values"]["name"],
                *(made.get(key) or "" for key in ("subnet", "gateway", "ip_range")),
            )
    return None


def _by_service(
    resources: tuple[ResourceChange, ...],
    stack: Stack,
    applied_edges: Mapping[str, tuple[str, ...]],
) -> tuple[ServiceChange, ...]:
    created: dict[str, str] = {}
    deleted: dict[str, str] = {}
    drifted: set[str] = set()
    doors: set[str] = set()
    for change in resources:
        service, _, release = change.key.partition("@")
        if change.role == "door":
            doors.add(service)
        if change.role not in ("app", "sidecar", "release"):
            continue
        if change.actions == ("create",):
            created[service] = release
        elif change.actions == ("delete",):
            deleted[service] = release
        else:
            drifted.add(service)
    names = {r.service for r in stack.services.values()} | set(deleted)
    # What is there already in both old and new form was half-applied before.
    order = [r.service for r in stack.services.values()]
    changes = []
    for name in sorted(names, key=lambda n: (n not in order, n)):
        before = set(applied_edges.get(name, ()))
        after = set(stack.edges.get(name, ()))
        wanted = name in order
        action: Action = "keep"
        if not wanted:
            action = "remove"
        elif name in deleted or name in drifted:
            action = "change"
        elif name in created:
            action = "add"
        elif before != after or name in doors:
            action = "change"
        changes.append(
            ServiceChange(
                service=name,
                action=action,
                old=deleted.get(name, ""),
                new=created.get(name)
                or (stack.release_of(name).release if wanted else ""),
                opened=tuple(sorted(after - before)) if wanted else (),
                closed=tuple(sorted(before - after)),
            )
        )
    return tuple(changes)
