"""What a plan decides about releases: which stay as they are, which are new."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from karst.config.spec import MeshSpec, ServiceSpec, StackSpec
from karst.fetch.lock import LockEntry, RepoLock
from karst.inspection import Entrypoint
from karst.mesh import addresses
from karst.mesh.model import DOOR_PORT
from karst.terraform.receipt_text import pin_document
from karst.terraform.stack import (
    Applied,
    DoorRelease,
    NetworkVariables,
    Release,
    Stack,
    digest,
)

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Prepared:
    """A service whose source and image name are known.

    Attributes:
        image: the tag or reference it runs.
        build_inputs: digest of the source tree and what the build is told.
        revision: full commit, or "".
        shim: the image starts through karst's shim.
        entrypoint: how it starts and why, None for somebody's image; told, not used.
    """

    spec: ServiceSpec
    image: str
    build_inputs: str
    revision: str
    shim: bool
    entrypoint: Entrypoint | None = None


def render_stack(
    spec: StackSpec,
    prepared: Mapping[str, Prepared],
    applied: Applied,
    sidecar_image: str,
    taken: Iterable[str] = (),
    lock: RepoLock | None = None,
) -> Stack:
    """The stack that repos.yaml wants, with everything kept that need not change.

    Args:
        taken: subnets of the engine's other networks.
        lock: what the services were prepared of; new releases remember it.
    """
    pins = {e.service: e for e in lock.entries} if lock else {}
    division = addresses.divide(spec.mesh.subnet)
    drafts = {
        name: _draft(spec, each, applied, sidecar_image, pins.get(name))
        for name, each in prepared.items()
    }
    virtual_kept = {r.service: r.virtual_address for r in applied.services.values()}
    virtual = addresses.choose(drafts, virtual_kept, division.virtual)
    doors = {
        s.name: _door(spec, s, applied, sidecar_image)
        for s in spec.services
        if s.publish and s.name in prepared
    }
    fixed_kept = {r.key: r.address for r in applied.services.values()}
    fixed_kept |= {f"door {d.key}": d.address for d in applied.doors.values()}
    wanted = [r.key for r in drafts.values()]
    wanted += [f"door {d.key}" for d in doors.values()]
    fixed = addresses.choose(wanted, fixed_kept, division.fixed)
    subnets = addresses.choose_door_subnets(
        spec.name,
        doors,
        {d.service: d.subnet for d in applied.doors.values() if d.subnet},
        [str(division.subnet), *taken],
    )
    return Stack(
        name=spec.name,
        network=NetworkVariables(
            name=spec.mesh.network,
            subnet=str(division.subnet),
            gateway=str(division.gateway),
            ip_range=str(division.dynamic),
        ),
        services={
            r.key: replace(r, address=fixed[r.key], virtual_address=virtual[r.service])
            for r in drafts.values()
        },
        edges={n: spec.callees(n) for n in prepared},
        doors={
            d.key: replace(d, address=fixed[f"door {d.key}"], subnet=subnets[d.service])
            for d in doors.values()
        },
        commit=applied.commit,
    )


def _draft(
    spec: StackSpec,
    prepared: Prepared,
    applied: Applied,
    sidecar_image: str,
    pin: LockEntry | None,
) -> Release:
    service = prepared.spec
    inputs = digest(
        [prepared.build_inputs, _runtime(service, spec.mesh), spec.name], 32
    )
    for kept in applied.releases_of(service.name):
        if kept.inputs == inputs:
            return kept
    job = service.kind == "job"
    env = dict(service.env)
    if service.port:
        env["PORT"] = str(service.port)
    if job and prepared.shim:
        env["KARST_KIND"] = "job"
    draft = Release(
        service=service.name,
        release="",
        container="",
        inputs=inputs,
        kind=service.kind,
        image=prepared.image,
        revision=prepared.revision,
        agent=json.dumps(_agent(spec, prepared), sort_keys=True),
        sidecar_image=sidecar_image,
        address="",
        virtual_address="",
        shim=prepared.shim,
        entrypoint=None,
        command=None,
        user=service.user,
        env=dict(sorted(env.items())),
        secrets=tuple(sorted(service.secrets)),
        volumes=dict(sorted(service.volumes.items())),
        cpus=_cpus(service.resources.cpus),
        memory=_mebibytes(service.resources.memory),
        restart="no" if job or spec.mesh.keeper else "unless-stopped",
        healthcheck=_healthcheck(prepared),
        pin=json.dumps(pin_document(pin), sort_keys=True) if pin else "",
    )
    named = asdict(replace(draft, revision="", inputs=""))
    named.pop("pin")
    key = digest(named, 8)
    agent = {**json.loads(draft.agent), "release": key}
    return replace(
        draft,
        release=key,
        container=f"{spec.name}-{service.name}-{key}",
        agent=json.dumps(agent, sort_keys=True),
    )


_NO_RUNTIME = (
    *("calls", "needs", "publish", "line", "slug", "build", "path", "written"),
    "smoke",
)


def _runtime(service: ServiceSpec, mesh: MeshSpec) -> dict[str, Any]:
    """What of a service's text makes a new release: not edges, doors or the order."""
    text = asdict(service)
    for name in _NO_RUNTIME:
        text.pop(name)
    return {**text, "mesh": [mesh.keeper, mesh.subnet, asdict(mesh.ports)]}


def _agent(spec: StackSpec, prepared: Prepared) -> dict[str, Any]:
    service = prepared.spec
    health = asdict(service.health)
    return {
        "stack": spec.name,
        "service": service.name,
        "role": "service",
        "subnet": spec.mesh.subnet,
        "port": service.port,
        "protocol": service.protocol,
        "kind": service.kind,
        "shim": prepared.shim,
        "ports": asdict(spec.mesh.ports),
        "health": {**health, "command": list(health["command"])},
    }


def _healthcheck(prepared: Prepared) -> dict[str, Any] | None:
    """The engine asks by command where no shim can; all values non-zero, or every
    plan would differ."""
    health = prepared.spec.health
    if prepared.shim or health.kind != "command":
        return None
    return {
        "test": ("CMD", *health.command),
        "interval": _duration(health.interval),
        "timeout": _duration(health.timeout),
        "start_period": _duration(health.grace),
        "retries": 3,
    }


def _duration(seconds: float) -> str:
    """As the provider writes it back: Go's notation, "1m0s" for a minute."""
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _cpus(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _mebibytes(value: int | None) -> int | None:
    # The engine refuses less than 6 MiB.
    return None if value is None else max(6, value // MEBIBYTE)


def _door(
    spec: StackSpec, service: ServiceSpec, applied: Applied, sidecar_image: str
) -> DoorRelease:
    publish = service.publish
    assert publish  # noqa: S101  (the caller looked)
    settings = {"service": service.name, "publish": asdict(publish), "stack": spec.name}
    key = digest([settings, spec.mesh.subnet, spec.mesh.network], 8)
    for kept in applied.doors.values():
        if kept.service == service.name and kept.release == key:
            return kept
    agent = {
        "stack": spec.name,
        "service": service.name,
        "release": key,
        "role": "edge",
        "subnet": spec.mesh.subnet,
        "port": DOOR_PORT,
        "protocol": service.protocol,
        "kind": "service",
        "shim": False,
        "health": {"kind": "process"},
    }
    container = f"{spec.name}-{service.name}-door-{key}"
    return DoorRelease(
        service=service.name,
        release=key,
        container=container,
        agent=json.dumps(agent, sort_keys=True),
        sidecar_image=sidecar_image,
        address="",
        # The engine publishes on the first network by name (facts: sorted), so the
        # door's own begins with digits and the mesh's may not sort before it.
        network=f"00-{spec.name}-{service.name}-door",
        host_ip=publish.address,
        host_port=publish.port,
        listen_port=DOOR_PORT,
    )
