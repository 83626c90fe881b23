"""What a Terraform that was killed had made and not yet written into its state.

Its next run would make the same again and be refused for the name. Such a container
never got traffic. One that did, and that the state does not know, means that the state
is another one's: then nothing may be touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from karst.effects.engine import Engine
from karst.errors import TerraformError
from karst.mesh.target import TargetState
from karst.pipeline.tools import Planned
from karst.terraform import Plan

_CREATE = ("create",)
_LASTING = ("app", "sidecar", "edge")


def clear_unknown(engine: Engine, planned: Planned, target: TargetState) -> None:
    """Remove what the state does not know, and what stands where the plan would create.

    Raises TerraformError, before it removes anything, where that serves requests.
    """
    plan, stack = planned.plan, planned.plan.stack
    unknown = _present(engine, stack.name) - plan.known
    apps = engine.listed({"karst.stack": stack.name, "karst.role": "app"})
    serving = {
        app.name
        for app in apps
        if target.released.get(app.labels.get("karst.service", ""))
        == app.labels.get("karst.release", "")
    }
    if serving & unknown:
        raise TerraformError(
            f"the engine runs '{stack.name}' already, and the state here does not know it",
            where=engine.host,
            remedy="bring back the state with which it was deployed, or begin anew after `karst destroy`; another stack of this name needs `--stack`",
        )
    for name in _apps_first(unknown):
        engine.remove(name)
    networks = set(_networks(plan))
    for network in engine.networks():
        ours = network.labels.get("karst.stack") == stack.name
        if ours and network.name in networks:
            engine.remove_network(network.name)


def remove_unknown(engine: Engine, stack: str, known: frozenset[str]) -> None:
    """Remove the stack's containers that the state does not know: they hold networks.

    So does a probe, which goes on asking when its run was killed.
    """
    present = _present(engine, stack, (*_LASTING, "probe"))
    for name in _apps_first(present - known):
        engine.remove(name)


def _apps_first(names: Iterable[str]) -> list[str]:
    """An app lives in its sidecar's namespace."""
    return sorted(names, key=lambda n: (n.endswith("-sidecar"), n))


def _present(engine: Engine, stack: str, roles: tuple[str, ...] = _LASTING) -> set[str]:
    found = engine.listed({"karst.stack": stack})
    return {c.name for c in found if c.labels.get("karst.role") in roles}


def _networks(plan: Plan) -> Iterator[str]:
    made = {r.address for r in plan.resources if r.actions == _CREATE}
    if "docker_network.mesh" in made:
        yield plan.stack.network.name
    for key, door in plan.stack.doors.items():
        if f'docker_network.door["{key}"]' in made:
            yield door.network
