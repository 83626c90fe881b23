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
from collections.abc import Callable
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
SAMPLES = 4


class Target(NamedTuple):
    """One service release to ask.

    `mesh_version` is the set it must have taken up; `patience` are the seconds that it
    may take to settle, None: as long as the request's `deadline`.
    """

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
    patience: float | None


class Request(NamedTuple):
    """`deadline`: seconds from now; 0 asks each service once.

    `look`: how things are now is asked, so that an app that does not serve has settled;
    a deploy waits for it instead, as long as it may take to start.
    """

    deadline: float
    look: bool
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
    latencies_ms: tuple[float, ...] = ()


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
            patience=service.get("patience"),
        )
        for service in given["services"]
    )
    identity = Identity(**given["identity"])
    deadline, look = float(given["deadline"]), bool(given.get("look", False))
    return Request(deadline, look, identity, services)


def examine(
    target: Target, identity: Identity, timeout: float, *, look: bool = False
) -> Finding:
    """Ask once: who it is, what its agent says, whether its own port answers."""
    certificate: dict[str, str] = {}
    status: dict[str, Any] = {}
    try:
        control = (target.address, target.control_port)
        certificate = handshake(control, target.server_id, identity, timeout)
        status = ask_agent(control, target.dns, identity, timeout)
        waiting = _conclude(target, status, look=look)
        if waiting:
            return Finding(*waiting, status, certificate, None)
        if target.port is None:
            return Finding(HEALTHY, True, status["detail"], status, certificate, None)
        latency, reason = _measure(target, identity, timeout)
    except ProbeError as error:
        return Finding(UNHEALTHY, False, str(error), status, certificate, None)
    latencies = (latency, *_measure_more(target, identity, timeout))
    return Finding(HEALTHY, True, reason, status, certificate, latency, latencies)


def _measure(target: Target, identity: Identity, timeout: float) -> tuple[float, str]:
    """Milliseconds of one request on the own port, and what was asked and answered."""
    began = time.monotonic()
    reason = ask_port(target, identity, timeout)
    return round((time.monotonic() - began) * 1000, 2), reason


def _measure_more(target: Target, identity: Identity, timeout: float) -> list[float]:
    """A few more, for a median; a plain connection has no answer to be timed."""
    found: list[float] = []
    if target.protocol in ("http", "grpc"):
        try:
            for _ in range(SAMPLES):
                found.append(_measure(target, identity, timeout)[0])
        except ProbeError:
            return found
    return found


def _conclude(
    target: Target, status: dict[str, Any], *, look: bool
) -> tuple[str, bool, str] | None:
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
        return UNHEALTHY, look, detail
    if said == "STARTING" or (said == "UNKNOWN" and target.kind == "job"):
        return STARTING, False, detail
    return None


def follow(
    target: Target, identity: Identity, deadline: float, *, look: bool = False
) -> dict[str, Any]:
    """Ask until the service has settled or `deadline` (monotonic); the printed value."""
    while True:
        left = deadline - time.monotonic()
        timeout = min(5.0, max(2.0, left))
        finding = examine(target, identity, timeout, look=look)
        if finding.settled or time.monotonic() + PAUSE >= deadline:
            return {
                "name": target.name,
                "verdict": finding.verdict,
                "latency_ms": finding.latency_ms,
                "latencies_ms": finding.latencies_ms,
                "reason": finding.reason,
                "status": finding.status,
                "certificate": finding.certificate,
            }
        time.sleep(PAUSE)


def _other_mode(mode: str) -> Callable[[dict[str, Any]], None] | None:
    """What asks in this mode; None for the health of services."""
    if mode == "stats":
        from karst.runner.stats_probe import ask_stats

        return ask_stats
    if mode == "edges":
        from karst.runner.edge_probe import ask_edges

        return ask_edges
    if mode == "smoke":
        from karst.runner.smoke_probe import ask_smoke

        return ask_smoke
    return None


def run_probe(path: str) -> int:
    """Print one JSON line per service as it settles; 0, or 65 for a bad request."""
    try:
        text = Path(path).read_text()
        if other := _other_mode(json.loads(text).get("mode", "")):
            other(json.loads(text))
            return 0
        request = parse_request(text)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"karst-probe: {path}: {error!r}", file=sys.stderr)
        return 65
    began = time.monotonic()
    deadline = began + request.deadline
    printing = threading.Lock()

    def work(target: Target) -> None:
        own = deadline
        if target.patience is not None:
            own = min(deadline, began + target.patience)
        found = follow(target, request.identity, own, look=request.look)
        with printing:
            print(json.dumps(found), flush=True)

    threads = [threading.Thread(target=work, args=(t,)) for t in request.services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0
