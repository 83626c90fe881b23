"""Health and statistics of what runs, without changing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from karst.build.sidecar import have_sidecar_image
from karst.config.spec import StackSpec
from karst.errors import ConfigError
from karst.health import (
    EdgeVerdict,
    Member,
    ProbeSetting,
    Verdict,
    ask_edges,
    run_probe,
)
from karst.health.asking import IDENTITY_FILES
from karst.mesh.assemble import door_identity
from karst.mesh.target import read_target
from karst.pipeline.releasing import judge
from karst.pipeline.tools import Tools
from karst.pki import CertificateAuthority, Identity
from karst.terraform import Applied, Release, Stack

_PATIENCE = 10.0
# After a deploy a wrong answer is a failed pipeline: Envoy on a busy machine may be held
# up for as long as a service may take to start.
DEPLOYED_PATIENCE = 60.0


def check_health(
    tools: Tools, spec: StackSpec, service: str | None
) -> tuple[Verdict, ...]:
    """Ask every service (or one) now; one that is not deployed is missing."""
    releases, authority = running(tools, spec)
    wanted = [s.name for s in spec.services if service in (None, s.name)]
    asked = {n: releases[n] for n in wanted if n in releases}
    found = judge(tools, authority, spec, asked, {}, patience=_PATIENCE)
    return tuple(
        found.get(name) or Verdict(name, "", "missing", "it is not deployed")
        for name in wanted
    )


def check_edges(tools: Tools, spec: StackSpec) -> tuple[EdgeVerdict, ...]:
    """Ask every edge that the state names, and every one that it does not."""
    releases, authority = running(tools, spec)
    applied = tools.session.applied()
    return judge_edges(tools, authority, spec, releases, applied)


def judge_edges(
    tools: Tools,
    authority: CertificateAuthority,
    spec: StackSpec,
    releases: Mapping[str, Release],
    applied: Stack | Applied,
    *,
    patience: float = _PATIENCE,
) -> tuple[EdgeVerdict, ...]:
    """The edge matrix of these releases and the doors of `applied`, whose edges count.

    A wrong answer is asked again for `patience` seconds.
    """
    members = [
        Member(
            Identity(spec.name, name),
            release.sidecar,
            json.loads(release.agent),
            release.address,
            release.virtual_address,
        )
        for name, release in releases.items()
    ]
    published = {s.name: s.publish for s in spec.services if s.publish}
    members += [
        Member(
            door_identity(spec.name, door.service),
            door.container,
            json.loads(door.agent),
            door.address,
            target=door.service,
            tls=bool(door.service in published and published[door.service].tls),
        )
        for door in applied.doors.values()
    ]
    setting = probe_setting(tools, spec, authority)
    return ask_edges(setting, members, applied.edges, patience=patience)


@dataclass(frozen=True)
class ServiceStats:
    """Envoy's statistics of one service: lines "name: value", or why there are none."""

    service: str
    lines: tuple[str, ...] = ()
    reason: str = ""


def fetch_stats(
    tools: Tools, spec: StackSpec, service: str | None, text: str
) -> tuple[ServiceStats, ...]:
    """Ask every service (or one) for what has `text` in its name, over mTLS.

    Jobs, which have ended, are asked only by their name.
    """
    releases, authority = running(tools, spec)
    wanted = {
        name: release
        for name, release in releases.items()
        if service == name or (service is None and release.kind != "job")
    }
    request = {
        "mode": "stats",
        "deadline": _PATIENCE,
        "filter": text,
        "identity": IDENTITY_FILES,
        "services": [
            {
                "name": name,
                "address": release.address,
                "server_id": Identity(spec.name, name).uri,
                "dns": Identity(spec.name, name).dns,
                "ports": json.loads(release.agent).get("ports", {}),
            }
            for name, release in wanted.items()
        ],
    }
    found = {name: ServiceStats(name, reason="it did not answer") for name in wanted}
    if service and service not in wanted:
        found[service] = ServiceStats(service, reason="it is not deployed")
    for line in run_probe(probe_setting(tools, spec, authority), request):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if answer.get("name") in found:
            lines = tuple(filter(None, answer.get("lines", ())))
            name, reason = answer["name"], answer.get("reason", "")
            found[name] = ServiceStats(name, lines, reason)
    return tuple(found[name] for name in sorted(found))


def probe_setting(
    tools: Tools, spec: StackSpec, authority: CertificateAuthority
) -> ProbeSetting:
    """Where and with what a probe of this stack runs."""
    return ProbeSetting(
        tools.engine,
        tools.sidecar_image,
        spec.mesh.network,
        spec.name,
        authority,
        tools.clock.now(),
    )


def running(
    tools: Tools, spec: StackSpec
) -> tuple[Mapping[str, Release], CertificateAuthority]:
    """Service => the release that has traffic (or the only one), and the stack's CA."""
    with tools.session.reading():
        applied = tools.session.applied()
    if not applied.services:
        raise ConfigError(
            f"stack '{spec.name}' is not deployed",
            where=str(tools.session.folder),
            remedy="`karst deploy` does that",
        )
    have_sidecar_image(tools.engine, tools.sidecar_image)
    target = read_target(tools.engine, tools.sidecar_image, spec.name)
    found: dict[str, Release] = {}
    for release in applied.services.values():
        served = target.released.get(release.service) == release.release
        if served or release.service not in found:
            found[release.service] = release
    authority = tools.authorities.authority(
        spec.name, expected=target.authority, now=tools.clock.now()
    )
    return found, authority
