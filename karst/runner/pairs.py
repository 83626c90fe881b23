"""What has to be started, concluded from what the engine says of a stack's containers.

Outside facts: the engine restarts containers that share a namespace in no order and
does not try again; a restarted sidecar is a new namespace, so its app sits in a dead one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from karst.runner.engine_socket import epoch

_OVER = ("exited", "dead")
_KEPT_BY_ENGINE = ("always", "unless-stopped")
_SHIM = "/opt/karst/shim.py"
# How the shim ends: with its app, once a signal told it to, and else never.
_TOLD_TO_END = (0, 128 + 2, 128 + 3, 128 + 15)


class Container(NamedTuple):
    """A labelled container. Times: epoch seconds, 0 where it never was.

    `told_to_end`: an app under the shim that can't have ended by itself.
    """

    id: str
    name: str
    role: str
    once: bool
    state: str
    started_at: float
    finished_at: float
    network_mode: str
    policy: str
    told_to_end: bool

    @property
    def running(self) -> bool:
        return self.state == "running"


class Step(NamedTuple):
    """Start `container`, ending it first with `restart`.

    `sidecar` must have sealed its namespace before; None for a sidecar itself.
    """

    container: Container
    sidecar: Container | None
    restart: bool
    reason: str


class Plan(NamedTuple):
    steps: list[Step]
    warnings: list[str]


def read_container(details: Mapping[str, Any]) -> Container:
    """A container from the engine's inspect answer."""
    labels, state = details["Config"]["Labels"], details["State"]
    host = details["HostConfig"]
    return Container(
        id=details["Id"],
        name=details["Name"].lstrip("/"),
        role=labels["karst.role"],
        once=labels.get("karst.start") == "once",
        state=state["Status"],
        started_at=epoch(state["StartedAt"]),
        finished_at=epoch(state["FinishedAt"]),
        network_mode=host["NetworkMode"],
        policy=host.get("RestartPolicy", {}).get("Name", ""),
        told_to_end=_SHIM in details.get("Args", ())
        and state["Status"] in _OVER
        and state["ExitCode"] in _TOLD_TO_END,
    )


def plan_steps(containers: Iterable[Container], stopped: Mapping[str, float]) -> Plan:
    """Who must be started. `stopped`: when a user last stopped a container, by id."""
    plan = Plan([], [])
    everybody = list(containers)
    sidecars = {
        shared: c
        for c in everybody
        if c.role == "sidecar"
        for shared in (f"container:{c.id}", f"container:{c.name}")
    }
    for container in everybody:
        if container.role in ("sidecar", "edge"):
            _plan_sidecar(container, stopped, plan)
        elif container.role == "app":
            _plan_app(container, sidecars.get(container.network_mode), stopped, plan)
    return plan


def _plan_sidecar(sidecar: Container, stopped: Mapping[str, float], plan: Plan) -> None:
    by_user = stopped.get(sidecar.id, 0.0) > sidecar.started_at
    left = sidecar.state in _OVER and sidecar.policy in _KEPT_BY_ENGINE
    if left and sidecar.started_at and not by_user:
        plan.steps.append(Step(sidecar, None, False, "the engine has not restarted it"))


def _plan_app(
    app: Container,
    sidecar: Container | None,
    stopped: Mapping[str, float],
    plan: Plan,
) -> None:
    # The first start is karst's, for it knows what a service must wait for.
    if app.once or not app.started_at:
        return
    if sidecar is None:
        if not app.running:
            plan.warnings.append(
                f"{app.name} cannot start: the sidecar whose network it shares is gone; "
                "deploy the stack again"
            )
        return
    if not sidecar.running:
        return
    if app.running:
        if app.started_at < sidecar.started_at:
            plan.steps.append(Step(app, sidecar, True, "its sidecar was restarted"))
        return
    if app.state not in _OVER:
        return
    if stopped.get(app.id, 0.0) > max(app.started_at, sidecar.started_at):
        return
    orphaned = app.started_at < sidecar.started_at
    reason = "its sidecar was restarted" if orphaned else "it ended"
    plan.steps.append(Step(app, sidecar, False, reason))
