"""What the engine adds to a verdict: exits, restarts, log lines, a job's end."""

from __future__ import annotations

from dataclasses import replace

from karst.effects.engine import Engine
from karst.effects.engine_facts import ContainerState
from karst.health.verdict import Verdict

LAST_LINES = 20
# True of what was stopped for good, and of what the keeper is about to start again.
ENDED = "the app's container does not run; if it stays so, `karst deploy` starts it"


def describe_exit(state: ContainerState) -> str:
    """How a container ended, in words; "" while it runs."""
    if state.running or not state.finished_at:
        return ""
    if state.oom_killed:
        return "killed: it used more memory than it may (resources.memory)"
    if state.exit_code > 128:
        return f"ended by signal {state.exit_code - 128}"
    return f"exit status {state.exit_code}"


def job_verdict(engine: Engine, service: str, release: str, container: str) -> Verdict:
    """A job is judged by how its container ended."""
    state = engine.container(container)
    if state is None:
        return Verdict(service, release, "missing", "there is no such container")
    if state.running or not state.started_at:
        return Verdict(service, release, "starting", "the job has not ended yet")
    if state.exit_code == 0:
        return Verdict(service, release, "completed", "exit status 0")
    reason = describe_exit(state)
    return Verdict(
        service,
        release,
        "failed",
        f"the job failed: {reason}",
        exit_reason=reason,
        last_lines=tuple(engine.logs(container, tail=LAST_LINES)),
    )


def with_engine_word(
    engine: Engine, verdict: Verdict, container: str, *, look: bool = False
) -> Verdict:
    """Complete a verdict by what the engine knows of the app's container.

    The engine's HEALTHCHECK counts where there is one: a service whose own check
    fails is not healthy, whatever its port answers.

    `look`: no deploy is under way, so one may be the remedy.
    """
    state = engine.container(container)
    if state is None:
        return replace(verdict, state="missing", reason="there is no such container")
    if look and state.status == "exited":
        # The agent knows the shim's last word only, which may promise a next start.
        verdict = replace(verdict, state="unhealthy", reason=ENDED)
    elif verdict.state == "healthy":
        if not state.running:
            verdict = replace(
                verdict, state="unhealthy", reason="the app's container does not run"
            )
        elif state.health in ("unhealthy", "starting"):
            verdict = replace(
                verdict,
                state="unhealthy" if state.health == "unhealthy" else "starting",
                reason=f"the container's own health check says '{state.health}'",
            )
    if verdict.well:
        return verdict
    return replace(
        verdict,
        exit_reason=verdict.exit_reason or describe_exit(state) or state.error,
        last_lines=verdict.last_lines or tuple(engine.logs(container, tail=LAST_LINES)),
    )
