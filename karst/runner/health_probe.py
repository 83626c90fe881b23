"""The probe container's program: asks every service for its health, over mutual TLS.

Reads one JSON request (see `parse_request`), asks all services at once until each has
settled or the deadline has passed, and prints one JSON line per service. It has no
capabilities and no more rights on the network than any app.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from karst.runner.probe_calls import (
    CONTROL_PORT,
    Identity,
    ProbeError,
    ask_agent,
    ask_port,
    handshake,
)

HEALTHY, UNHEALTHY = "healthy", "unhealthy"
STARTING, COMPLETED = "starting", "completed"
# Until a service settles, it is asked this often: a deploy waits for it.
PAUSE = 0.25


class Target(NamedTuple):
    """One service release to ask; `mesh_version` is the set it must have taken up."""

    name: str
    address: str
    port: int | None
    protocol: str
    health: dict[str, Any]
    server_id: str
    dns: str
    kind: str
    mesh_version: str | None
    control_port: int


class Request(NamedTuple):
    """`deadline`: seconds from now; 0 asks each service once."""

    deadline: float
    identity: Identity
    services: tuple[Target, ...]


class Finding(NamedTuple):
    """What one round of asking gave; the last of them is printed."""

    verdict: str
    settled: bool
    reason: str
    status: dict[str, Any]
    certificate: dict[str, str]
    latency_ms: float | None


def parse_request(text: str) -> Request:
    """Read the request; raises ValueError or KeyError where it is malformed."""
    given = json.loads(text)
    services = tuple(
        Target(
            name=service["name"],
            address=service["address"],
            port=service.get("port"),
            protocol=service.get("protocol", "http"),
            health=service.get("health") or {},
            server_id=service["server_id"],
            dns=service["dns"],
            kind=service.get("kind", "service"),
            mesh_version=service.get("mesh_version"),
            control_port=(service.get("ports") or {}).get("grpc", CONTROL_PORT),
        )
        for service in given["services"]
    )
    identity = Identity(**given["identity"])
    return Request(float(given["deadline"]), identity, services)


def examine(target: Target, identity: Identity, timeout: float) -> Finding:
    """Ask once: who it is, what its agent says, whether its own port answers."""
    certificate: dict[str, str] = {}
    status: dict[str, Any] = {}
    try:
        control = (target.address, target.control_port)
        certificate = handshake(control, target.server_id, identity, timeout)
        status = ask_agent(control, target.dns, identity, timeout)
        waiting = _conclude(target, status)
        if waiting:
            return Finding(*waiting, status, certificate, None)
        if target.port is None:
            return Finding(HEALTHY, True, status["detail"], status, certificate, None)
        began = time.monotonic()
        reason = ask_port(target, identity, timeout)
        latency = round((time.monotonic() - began) * 1000, 2)
    except ProbeError as error:
        return Finding(UNHEALTHY, False, str(error), status, certificate, None)
    return Finding(HEALTHY, True, reason, status, certificate, latency)


def _conclude(target: Target, status: dict[str, Any]) -> tuple[str, bool, str] | None:
    """Verdict, whether it is final, and reason; None where the own port decides."""
    said, detail = status["status"], status["detail"]
    if status["mesh_error"]:
        detail = f"{detail} (mesh: {status['mesh_error']})"
    if said == "FAILED":
        return UNHEALTHY, True, detail
    if target.mesh_version and status["mesh_version"] != target.mesh_version:
        have = status["mesh_version"] or "none"
        return STARTING, False, f"its mesh files are {have}, not {target.mesh_version}"
    if said == "COMPLETED":
        return COMPLETED, True, detail
    if said == "NOT_SERVING":
        return UNHEALTHY, False, detail
    if said == "STARTING" or (said == "UNKNOWN" and target.kind == "job"):
        return STARTING, False, detail
    return None


def follow(target: Target, identity: Identity, deadline: float) -> dict[str, Any]:
    """Ask until the service has settled or `deadline` (monotonic); the printed value."""
    while True:
        left = deadline - time.monotonic()
        finding = examine(target, identity, timeout=min(5.0, max(2.0, left)))
        if finding.settled or time.monotonic() + PAUSE >= deadline:
            return {
                "name": target.name,
                "verdict": finding.verdict,
                "latency_ms": finding.latency_ms,
                "reason": finding.reason,
                "status": finding.status,
                "certificate": finding.certificate,
            }
        time.sleep(PAUSE)


def run_probe(path: str) -> int:
    """Print one JSON line per service as it settles; 0, or 65 for a bad request."""
    try:
        text = Path(path).read_text()
        if json.loads(text).get("mode") == "stats":
            from karst.runner.stats_probe import ask_stats

            ask_stats(json.loads(text))
            return 0
        request = parse_request(text)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"karst-probe: {path}: {error!r}", file=sys.stderr)
        return 65
    deadline = time.monotonic() + request.deadline
    printing = threading.Lock()

    def work(target: Target) -> None:
        found = follow(target, request.identity, deadline)
        with printing:
            print(json.dumps(found), flush=True)

    threads = [threading.Thread(target=work, args=(t,)) for t in request.services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0
