"""How a service is, concluded from what the shim tells and what the probe gets."""

from __future__ import annotations

import threading
from typing import NamedTuple

from karst.runner.settings import Sidecar

UNKNOWN, STARTING, SERVING = "UNKNOWN", "STARTING", "SERVING"
NOT_SERVING, COMPLETED, FAILED = "NOT_SERVING", "COMPLETED", "FAILED"

# An app that ends this often, each time within STEADY seconds, does not come up.
FAILED_STARTS = 3
STEADY = 60.0
# One lost answer of a service that has been well is no outage.
FAILURES_TO_DOUBT = 2


class AppState(NamedTuple):
    """The app's process as the shim last told it. Times: seconds since the epoch."""

    running: bool = False
    started_at: float = 0.0
    restarts: int = 0
    exit_code: int | None = None
    exit_reason: str = ""
    next_start_in: float = 0.0


class Verdict(NamedTuple):
    status: str
    detail: str
    probe: str
    app: AppState


class HealthState:
    """Everything that was told, and the verdict on it; safe to use from threads."""

    def __init__(self, sidecar: Sidecar, now: float) -> None:
        self._sidecar = sidecar
        self._lock = threading.Lock()
        self._began = now
        self._app = AppState()
        self._early_ends = 0
        self._probe = "nothing asked yet"
        self._well = False
        self._answered = False
        self._failures = 0

    @property
    def app(self) -> AppState:
        return self._app

    def app_started(self, now: float, restarts: int) -> None:
        with self._lock:
            self._app = self._app._replace(
                running=True, started_at=now, restarts=restarts
            )
            self._answered = self._well = False
            self._failures = 0

    def app_exited(
        self, now: float, code: int, reason: str, restarts: int, next_start_in: float
    ) -> None:
        with self._lock:
            steady = now - self._app.started_at >= STEADY
            self._early_ends = 1 if steady else self._early_ends + 1
            self._app = AppState(
                False, self._app.started_at, restarts, code, reason, next_start_in
            )
            self._well = False

    def probed(self, well: bool, text: str, started_at: float | None = None) -> None:
        """Take in an answer, unless who gave it, started then, is another by now."""
        with self._lock:
            if started_at not in (None, self._app.started_at):
                return
            self._probe = text
            self._failures = 0 if well else self._failures + 1
            self._answered = self._answered or well
            self._well = well or (self._well and self._failures < FAILURES_TO_DOUBT)

    def verdict(self, now: float) -> Verdict:
        with self._lock:
            status, detail = self._conclude(now)
            return Verdict(status, detail, self._probe, self._app)

    def _conclude(self, now: float) -> tuple[str, str]:
        if self._sidecar.kind == "job":
            return self._conclude_job()
        if self._sidecar.shim and not self._app.running:
            return self._conclude_down(now)
        if not self._sidecar.shim and self._sidecar.health.kind in (
            "process",
            "command",
        ):
            return UNKNOWN, (
                f"a {self._sidecar.health.kind} check needs the shim, "
                "and this image runs as it is"
            )
        if self._well:
            return SERVING, self._probe
        since = max(self._began, self._app.started_at)
        if not self._answered and now - since < self._sidecar.health.grace:
            return STARTING, self._probe
        return NOT_SERVING, self._probe

    def _conclude_job(self) -> tuple[str, str]:
        if not self._sidecar.shim:
            return (
                UNKNOWN,
                "the image runs as it is: the engine knows how the job ended",
            )
        if self._app.running or self._app.exit_code is None:
            return STARTING, "running" if self._app.running else "not started yet"
        return COMPLETED if self._app.exit_code == 0 else FAILED, self._app.exit_reason

    def _conclude_down(self, now: float) -> tuple[str, str]:
        if self._app.exit_code is None:
            late = now - self._began >= self._sidecar.health.grace
            return NOT_SERVING if late else STARTING, "the app is not started yet"
        detail = (
            f"the app ended: {self._app.exit_reason}; "
            f"next start after {self._app.next_start_in:.1f} s"
        )
        if self._early_ends >= FAILED_STARTS:
            return FAILED, detail
        return NOT_SERVING if self._answered else STARTING, detail
