"""The Stack: Terraform's variables as frozen values, and how they are written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class Release:
    """One release of one service: everything its two containers are made of.

    Attributes:
        service, release: the name, and 8 hex digits over all that follows except
            addresses.
        container: name of the app container; the sidecar's has `-sidecar` behind it.
        inputs: digest of what the user wrote and the source tree. While it stays, a
            release is kept as it is, whatever newer karst would make of it.
        revision: the commit it was built from, or "".
        agent: JSON that the sidecar's agent is told.
        memory: MiB, as the provider counts.
        healthcheck: the engine's own check, for images that can't be asked otherwise.
        pin: JSON of the commit and base image it was made of, or "": with it, a later
            plan of an unchanged service can be made of the same. No part of the release.
    """

    service: str
    release: str
    container: str
    inputs: str
    kind: str
    image: str
    revision: str
    agent: str
    sidecar_image: str
    address: str
    virtual_address: str
    shim: bool
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    user: str | None
    env: Mapping[str, str]
    secrets: tuple[str, ...]
    volumes: Mapping[str, str]
    cpus: str | None
    memory: int | None
    restart: str
    healthcheck: Mapping[str, Any] | None = None
    pin: str = ""

    @property
    def key(self) -> str:
        return f"{self.service}@{self.release}"

    @property
    def owner(self) -> str:
        """What its volumes are labelled with."""
        return self.key

    @property
    def mesh_volume(self) -> str:
        return f"{self.container}-mesh"

    @property
    def secrets_volume(self) -> str:
        return f"{self.container}-secrets"

    @property
    def sidecar(self) -> str:
        return f"{self.container}-sidecar"


@dataclass(frozen=True)
class DoorRelease:
    """An edge proxy of a published service."""

    service: str
    release: str
    container: str
    agent: str
    sidecar_image: str
    address: str
    network: str
    host_ip: str
    host_port: int
    listen_port: int
    subnet: str = ""

    @property
    def key(self) -> str:
        """Without the release: two doors can't hold one host port side by side."""
        return self.service

    @property
    def owner(self) -> str:
        return f"door {self.service}@{self.release}"

    @property
    def mesh_volume(self) -> str:
        return f"{self.container}-mesh"


@dataclass(frozen=True)
class NetworkVariables:
    name: str
    subnet: str
    gateway: str
    ip_range: str


@dataclass(frozen=True)
class Stack:
    """All of Terraform's variables. Keys are `name@release`, a door's `name`.

    Attributes:
        commit: of the calling repository, as it was applied last. A plan passes on what
            the state has, so that it changes nothing.
    """

    name: str
    network: NetworkVariables
    services: Mapping[str, Release] = field(default_factory=dict)
    edges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doors: Mapping[str, DoorRelease] = field(default_factory=dict)
    commit: str = ""

    def release_of(self, service: str) -> Release:
        """The one release of a service in this stack; raises KeyError."""
        for release in self.services.values():
            if release.service == service:
                return release
        raise KeyError(service)

    def with_services(self, releases: Mapping[str, Release]) -> Stack:
        return replace(self, services=dict(sorted(releases.items())))


@dataclass(frozen=True)
class Applied:
    """What the state says is there: read back from the outputs."""

    services: Mapping[str, Release] = field(default_factory=dict)
    edges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doors: Mapping[str, DoorRelease] = field(default_factory=dict)
    commit: str = ""

    def releases_of(self, service: str) -> tuple[Release, ...]:
        return tuple(r for r in self.services.values() if r.service == service)


def render_variables(stack: Stack) -> str:
    """The stack as `terraform.tfvars.json`."""
    document = asdict(stack)
    document["stack"] = document.pop("name")
    document["applied_commit"] = document.pop("commit")
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def parse_outputs(document: Mapping[str, Any]) -> Applied:
    """Read `terraform output -json`; an empty state gives an empty Applied."""

    def value(name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = document.get(name, {}).get("value") or {}
        return found

    return Applied(
        services={k: _release(v) for k, v in value("services").items()},
        edges={k: tuple(v) for k, v in value("edges").items()},
        doors={
            k: DoorRelease(**_known(DoorRelease, v)) for k, v in value("doors").items()
        },
        commit=document.get("applied_commit", {}).get("value") or "",
    )


def _release(entry: Mapping[str, Any]) -> Release:
    known = _known(Release, entry)
    for name in ("entrypoint", "command", "secrets"):
        if known.get(name) is not None:
            known[name] = tuple(known[name])
    check = known.get("healthcheck")
    if check is not None:
        known["healthcheck"] = {**check, "test": tuple(check["test"])}
    if known.get("memory") is not None:
        known["memory"] = int(known["memory"])
    return Release(**known)


def _known(kind: type, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what another version of karst may have written beside what we know."""
    names = {f.name for f in fields(kind)}
    return {k: v for k, v in entry.items() if k in names}


def digest(value: object, length: int) -> str:
    """Hex digest of a value's canonical JSON, cut to `length` digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
