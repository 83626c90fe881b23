"""Verdicts: what was asked of a service and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

State = Literal["healthy", "unhealthy", "starting", "completed", "failed", "missing"]


@dataclass(frozen=True)
class Verdict:
    """The health of one release.

    Attributes:
        state: "completed" and "failed" are a job's, "missing": no container.
        reason: one sentence; the probe that failed and what it got.
        latency_ms: of the request over mTLS, or None.
        latencies_ms: of several such requests, where several were made.
        exit_reason: how the app last ended, or "".
        last_lines: the app's last log lines, for a failure.
        certificate_begins, certificate_ends: RFC 3339 times of the served certificate,
            or "".
        mesh_version: the set of files that the sidecar serves, or "".
    """

    service: str
    release: str
    state: State
    reason: str = ""
    latency_ms: float | None = None
    restarts: int = 0
    exit_reason: str = ""
    last_lines: tuple[str, ...] = ()
    certificate_ends: str = ""
    mesh_version: str = ""
    latencies_ms: tuple[float, ...] = ()
    certificate_begins: str = ""

    @property
    def latency_p50_ms(self) -> float | None:
        """The median of what was measured, or None."""
        found = self.latencies_ms or (self.latency_ms,)
        known = [each for each in found if each is not None]
        return median(known) if known else None

    @property
    def well(self) -> bool:
        return self.state in ("healthy", "completed")
