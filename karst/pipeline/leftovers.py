"""What a Terraform that was killed had made and not yet written into its state.

Its next run would make the same again and be refused for the name. Such a container
never got traffic. One that did, and that the state does not know, means that the state
is another one's: then nothing may be touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from karst.effects.engine import Engine
from karst.errors import TerraformError
from karst.mesh.target import TargetState
from karst.pipeline.tools import Planned
from karst.terraform import Applied, Plan, Stack

_CREATE = ("create",)


def clear_unknown(engine: Engine, planned: Planned, target: TargetState) -> None:
    """Remove what the state does not know, and what stands where the plan would create.

    Raises TerraformError, before it removes anything, where that serves requests.
    """
    plan, stack = planned.plan, planned.plan.stack
    present = _present(engine, stack.name)
    known = _names(planned.applied) | _names(stack) | set(_removed(plan))
    made = tuple(_created(plan))
    unknown = [n for n in made if n in present] + sorted(present - known)
    serving = {
        r.container
        for r in stack.services.values()
        if target.released.get(r.service) == r.release
    }
    if serving & set(unknown):
        raise TerraformError(
            f"the engine runs '{stack.name}' already, and the state here does not know it",
            where=engine.host,
            remedy="bring back the state with which it was deployed, or begin anew after `karst destroy`; another stack of this name needs `--stack`",
        )
    for name in unknown:
        engine.remove(name)
    networks = set(_networks(plan))
    for network in engine.networks():
        ours = network.labels.get("karst.stack") == stack.name
        if ours and network.name in networks:
            engine.remove_network(network.name)


def remove_unknown(engine: Engine, stack: str, applied: Applied) -> None:
    """Remove the stack's containers that the state does not know: they hold networks."""
    for name in sorted(_present(engine, stack) - _names(applied)):
        engine.remove(name)


def _present(engine: Engine, stack: str) -> set[str]:
    found = engine.containers({"karst.stack": stack})
    lasting = ("app", "sidecar", "edge")
    return {c.name for c in found if c.labels.get("karst.role") in lasting}


def _names(stack: Stack | Applied) -> set[str]:
    services, doors = stack.services.values(), stack.doors.values()
    names = {n for r in services for n in (r.container, r.sidecar)}
    return names | {d.container for d in doors}


def _removed(plan: Plan) -> Iterator[str]:
    """Containers that Terraform knows, and would take away itself."""
    for change in plan.resources:
        app = f"{plan.stack.name}-{change.key.replace('@', '-')}"
        if "delete" in change.actions and change.role in ("app", "sidecar"):
            yield app if change.role == "app" else f"{app}-sidecar"


def _created(plan: Plan) -> Iterator[str]:
    """Names that would be made; apps first, for they live in their sidecars' namespace."""
    made = {r.address for r in plan.resources if r.actions == _CREATE}
    for role in ("app", "sidecar"):
        for key, release in plan.stack.services.items():
            if f'docker_container.{role}["{key}"]' in made:
                yield release.container if role == "app" else release.sidecar
    for key, door in plan.stack.doors.items():
        if f'docker_container.door["{key}"]' in made:
            yield door.container


def _networks(plan: Plan) -> Iterator[str]:
    made = {r.address for r in plan.resources if r.actions == _CREATE}
    if "docker_network.mesh" in made:
        yield plan.stack.network.name
    for key, door in plan.stack.doors.items():
        if f'docker_network.door["{key}"]' in made:
            yield door.network
