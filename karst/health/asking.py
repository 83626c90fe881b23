"""Asking services for their health: a probe container with an identity of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from karst.effects.engine import Engine
from karst.effects.engine_volumes import OneShot, VolumeFile, run_once
from karst.health.verdict import State, Verdict
from karst.mesh.model import PROBE
from karst.pki import CertificateAuthority, Identity

PROBE_UID = 1338
_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True)
class Question:
    """One release to ask.

    Attributes:
        address: the sidecar's real address.
        agent: what the sidecar's agent was told: port, protocol, health.
        mesh_version: the set it must serve before it counts as settled, or "".
    """

    identity: Identity
    release: str
    address: str
    agent: Mapping[str, Any]
    mesh_version: str = ""


@dataclass(frozen=True)
class ProbeSetting:
    """Where and with what the probe runs."""

    engine: Engine
    image: str
    network: str
    stack: str
    authority: CertificateAuthority
    now: datetime


def ask(
    setting: ProbeSetting, questions: Iterable[Question], *, deadline: float
) -> Iterator[Verdict]:
    """Yield a verdict per question as each settles; at `deadline` seconds all have."""
    asked = list(questions)
    if not asked:
        return
    request = {
        "mode": "health",
        "deadline": deadline,
        "identity": IDENTITY_FILES,
        "services": [_entry(q) for q in asked],
    }
    releases = {q.identity.service: q.release for q in asked}
    answered = set()
    for line in run_probe(setting, request):
        answer = _parse(line)
        if answer is None or "name" not in answer:
            continue
        answered.add(answer["name"])
        yield _verdict(answer, releases.get(answer["name"], ""))
    for question in asked:
        if question.identity.service not in answered:
            yield Verdict(
                question.identity.service,
                question.release,
                "unhealthy",
                "the probe ended without an answer",
            )


IDENTITY_FILES = {
    "cert": "/probe/cert.pem",
    "key": "/probe/key.pem",
    "ca": "/probe/ca.pem",
}


def run_probe(setting: ProbeSetting, request: Mapping[str, Any]) -> Iterator[str]:
    """Run the probe container with a short-lived identity; yield what it prints."""
    leaf = setting.authority.issue(
        Identity(setting.stack, PROBE), now=setting.now, lifetime=_LIFETIME
    )
    shot = OneShot(
        image=setting.image,
        command=("probe",),
        network=setting.network,
        user=f"{PROBE_UID}:{PROBE_UID}",
        files=(
            _file("request.json", json.dumps(request)),
            _file("cert.pem", leaf.certificate_pem),
            _file("key.pem", leaf.key_pem.reveal()),
            _file("ca.pem", setting.authority.bundle_pem),
        ),
        labels={"karst.role": "probe", "karst.stack": setting.stack},
    )
    return run_once(setting.engine, shot)


def _file(name: str, text: str) -> VolumeFile:
    return VolumeFile(f"probe/{name}", text.encode(), 0o400, PROBE_UID, PROBE_UID)


def _entry(question: Question) -> dict[str, Any]:
    agent = question.agent
    return {
        "name": question.identity.service,
        "release": question.release,
        "address": question.address,
        "port": agent["port"],
        "protocol": agent["protocol"],
        "kind": agent["kind"],
        "health": agent["health"],
        "ports": agent.get("ports", {}),
        "server_id": question.identity.uri,
        "dns": question.identity.dns,
        "mesh_version": question.mesh_version or None,
    }


def _parse(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _verdict(answer: Mapping[str, Any], release: str) -> Verdict:
    status = answer.get("status") or {}
    states: dict[str, State] = {
        "healthy": "healthy",
        "completed": "completed",
        "starting": "starting",
    }
    return Verdict(
        service=answer["name"],
        release=release,
        state=states.get(answer.get("verdict", ""), "unhealthy"),
        reason=answer.get("reason") or "",
        latency_ms=answer.get("latency_ms"),
        restarts=int(status.get("restarts") or 0),
        exit_reason=status.get("exit_reason") or "",
        last_lines=tuple(line["text"] for line in status.get("last_lines") or ()),
        certificate_ends=(answer.get("certificate") or {}).get("not_after") or "",
        mesh_version=status.get("mesh_version") or "",
        latencies_ms=tuple(answer.get("latencies_ms") or ()),
    )
