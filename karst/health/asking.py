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
        patience: seconds that it may take to settle; None: as long as all may take.
    """

    identity: Identity
    release: str
    address: str
    agent: Mapping[str, Any]
    mesh_version: str = ""
    patience: float | None = None


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
    setting: ProbeSetting,
    questions: Iterable[Question],
    *,
    deadline: float,
    look: bool = False,
) -> Iterator[Verdict]:
    """Yield a verdict per question as each settles; at `deadline` seconds all have.

    `look`: how things are now is asked, nobody waits for what does not serve.
    """
    asked = list(questions)
    if not asked:
        return
    request = {
        "mode": "health",
        "deadline": deadline,
        "look": look,
        "identity": IDENTITY_FILES,
        "services": [_entry(q) for q in asked],
    }
    releases = {q.identity.service: q.release for q in asked}
    answered = set()
    for line in run_probe(setting, request):
        answer = parse_line(line)
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
    # An app may take longer to start than that.
    lifetime = max(_LIFETIME, 2 * timedelta(seconds=request.get("deadline", 0.0)))
    leaf = setting.authority.issue(
        Identity(setting.stack, PROBE), now=setting.now, lifetime=lifetime
    )
    files = {
        "cert.pem": leaf.certificate_pem,
        "key.pem": leaf.key_pem.reveal(),
        "ca.pem": setting.authority.bundle_pem,
    }
    return run_container(setting, request, files)


def run_container(
    setting: ProbeSetting,
    request: Mapping[str, Any],
    files: Mapping[str, str],
    *,
    network: str = "",
) -> Iterator[str]:
    """Run the probe container with `files` under /probe; yield what it prints.

    `network`: another one than the mesh's, such as `container:NAME`.
    """
    texts = {"request.json": json.dumps(request), **files}
    shot = OneShot(
        image=setting.image,
        command=("probe",),
        network=network or setting.network,
        user=f"{PROBE_UID}:{PROBE_UID}",
        files=tuple(
            VolumeFile(f"probe/{n}", text.encode(), 0o600, PROBE_UID, PROBE_UID)
            for n, text in texts.items()
        ),
        labels={"karst.role": "probe", "karst.stack": setting.stack},
    )
    return run_once(setting.engine, shot)


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
        "patience": question.patience,
    }


def parse_line(line: str) -> dict[str, Any] | None:
    """A line of the probe's as a document; None for any other."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _verdict(answer: Mapping[str, Any], release: str) -> Verdict:
    status = answer.get("status") or {}
    certificate = answer.get("certificate") or {}
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
        latencies_ms=tuple(answer.get("latencies_ms") or ()),
        restarts=int(status.get("restarts") or 0),
        exit_reason=status.get("exit_reason") or "",
        last_lines=tuple(line["text"] for line in status.get("last_lines") or ()),
        certificate_begins=certificate.get("not_before") or "",
        certificate_ends=certificate.get("not_after") or "",
        mesh_version=status.get("mesh_version") or "",
    )
