"""What is concluded from the shim's word and the probe's."""

from __future__ import annotations

import pytest

from karst.runner.settings import Health, Ports, Sidecar
from karst.runner.status import HealthState


def sidecar(
    *, kind: str = "service", shim: bool = True, health: Health | None = None
) -> Sidecar:
    health = health or Health("http", grace=30.0)
    return Sidecar(
        *("shop", "api", "r1", "service", "172.20.0.0/16", 8000, "http"),
        kind=kind,
        shim=shim,
        health=health,
        ports=Ports(),
    )


def told(state: HealthState, now: float) -> tuple[str, str]:
    verdict = state.verdict(now)
    return verdict.status, verdict.detail


def test_an_app_that_comes_up() -> None:
    state = HealthState(sidecar(), now=100.0)
    assert told(state, 101.0) == ("STARTING", "the app is not started yet")
    state.app_started(102.0, restarts=0)
    state.probed(False, "GET /: Connection refused")
    assert told(state, 131.0) == ("STARTING", "GET /: Connection refused")
    state.probed(True, "GET /: 200")
    assert told(state, 131.5) == ("SERVING", "GET /: 200")


def test_an_answer_of_the_app_before_is_not_its_successor_s() -> None:
    """However long it was on its way here."""
    state = HealthState(sidecar(), now=100.0)
    state.app_started(102.0, restarts=0)
    state.app_started(104.0, restarts=1)
    state.probed(True, "GET /: 200", started_at=102.0)
    assert told(state, 105.0)[0] == "STARTING"
    state.probed(True, "GET /: 200", started_at=104.0)
    assert told(state, 105.0)[0] == "SERVING"


def test_grace_ends() -> None:
    state = HealthState(sidecar(), now=100.0)
    assert told(state, 130.0) == ("NOT_SERVING", "the app is not started yet")
    state.app_started(200.0, restarts=0)
    state.probed(False, "GET /: 503")
    assert told(state, 229.9) == ("STARTING", "GET /: 503")
    assert told(state, 230.0) == ("NOT_SERVING", "GET /: 503")


def test_one_lost_answer_is_no_outage_but_two_are() -> None:
    state = HealthState(sidecar(), now=0.0)
    state.app_started(0.0, restarts=0)
    state.probed(True, "well")
    state.probed(False, "timed out")
    assert told(state, 1.0)[0] == "SERVING"
    state.probed(False, "timed out")
    # It has answered before: grace is over.
    assert told(state, 1.0) == ("NOT_SERVING", "timed out")


def test_a_crash_counts_at_once_and_forgets_what_was_well() -> None:
    state = HealthState(sidecar(), now=0.0)
    state.app_started(0.0, restarts=0)
    state.probed(True, "well")
    state.app_exited(5.0, 1, "exit status 1", restarts=1, next_start_in=0.5)
    assert told(state, 5.0) == (
        "NOT_SERVING",
        "the app ended: exit status 1; next start after 0.5 s",
    )
    state.app_started(5.5, restarts=1)
    assert told(state, 5.6)[0] == "STARTING"


def test_three_early_ends_are_a_failure_and_a_long_run_clears_them() -> None:
    state = HealthState(sidecar(), now=0.0)
    for number in (1, 2):
        state.app_started(float(number), restarts=number - 1)
        state.app_exited(number + 0.1, 0, "exit status 0", number, 1.0)
        assert told(state, number + 0.2)[0] == "STARTING"
    state.app_started(3.0, restarts=2)
    state.app_exited(63.0, 0, "exit status 0", 3, 1.0)
    assert told(state, 63.1)[0] == "STARTING"
    for number in (4, 5):
        state.app_started(number * 20.0, restarts=number - 1)
        state.app_exited(number * 20.0 + 1, 0, "exit status 0", number, 4.0)
    assert told(state, 102.0) == (
        "FAILED",
        "the app ended: exit status 0; next start after 4.0 s",
    )


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [(0, "exit status 0", "COMPLETED"), (137, "killed by SIGKILL", "FAILED")],
)
def test_a_job_ends(code: int, reason: str, status: str) -> None:
    state = HealthState(sidecar(kind="job"), now=0.0)
    assert told(state, 500.0) == ("STARTING", "not started yet")
    state.app_started(500.0, restarts=0)
    assert told(state, 900.0) == ("STARTING", "running")
    state.app_exited(901.0, code, reason, restarts=0, next_start_in=0.0)
    assert told(state, 902.0) == (status, reason)


def test_what_nobody_here_can_know() -> None:
    job = HealthState(sidecar(kind="job", shim=False), now=0.0)
    assert told(job, 1.0) == (
        "UNKNOWN",
        "the image runs as it is: the engine knows how the job ended",
    )
    process = HealthState(sidecar(shim=False, health=Health("process")), now=0.0)
    assert told(process, 1.0) == (
        "UNKNOWN",
        "a process check needs the shim, and this image runs as it is",
    )


def test_an_image_that_runs_as_it_is_is_judged_by_its_answers() -> None:
    state = HealthState(sidecar(shim=False), now=0.0)
    state.probed(False, "refused")
    assert told(state, 29.0)[0] == "STARTING"
    assert told(state, 30.0)[0] == "NOT_SERVING"
    state.probed(True, "GET /: 200")
    assert told(state, 31.0)[0] == "SERVING"
