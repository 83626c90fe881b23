"""Destroy: everything of a stack, also what a crash left beside the state."""

from __future__ import annotations

from dataclasses import dataclass

from karst.config.spec import StackSpec
from karst.effects.engine import Engine
from karst.effects.engine_volumes import remove_volume
from karst.mesh import addresses
from karst.pipeline.applying import KEEPER, ensure_keeper
from karst.pipeline.handing import stack_volumes
from karst.pipeline.leftovers import remove_unknown
from karst.pipeline.tools import Tools
from karst.terraform import NetworkVariables, Stack


@dataclass(frozen=True)
class DestroyOutcome:
    """What was removed, and the data volumes that went or were left on purpose.

    `found`: there was something of that name, on the engine or in the state.
    """

    containers: int
    kept_volumes: tuple[str, ...]
    keeper_removed: bool
    found: bool = True
    removed_volumes: tuple[str, ...] = ()


def destroy(tools: Tools, spec: StackSpec, *, volumes: bool) -> DestroyOutcome:
    """Remove the stack; its services' data only where `volumes` says so."""
    engine = tools.engine
    label = {"karst.stack": spec.name}
    count = len(engine.listed(label))
    known = tools.session.containers()
    found = bool(count or known)
    remove_unknown(engine, spec.name, known)
    tools.progress.step("terraform destroy")
    tools.session.destroy(_empty(spec), tools.progress.line)
    for leftover in engine.listed(label):
        engine.remove(leftover.name)
    for network in engine.networks():
        if network.labels.get("karst.stack") == spec.name:
            engine.remove_network(network.name)
            found = True
    own, data = stack_volumes(tools, spec.name)
    gone, kept = (data, []) if volumes else ([], data)
    for name in own + gone:
        remove_volume(engine, name)
    tools.session.forget()
    alone = _remove_keeper(engine)
    found = found or bool(own or data)
    return DestroyOutcome(count, tuple(kept), alone, found, tuple(gone))


def _remove_keeper(engine: Engine) -> bool:
    """Remove the keeper where no sidecar is left; says whether it did.

    A deploy of another stack sees to the keeper once more when its sidecars are there:
    those that were made between look and removal, the second look finds.
    """
    sidecars = {"karst.role": "sidecar"}
    keeper = engine.container(KEEPER)
    if engine.listed(sidecars):
        return False
    engine.remove(KEEPER)
    if keeper is None or not engine.listed(sidecars):
        return True
    ensure_keeper(engine, keeper.image)
    return False


def _empty(spec: StackSpec) -> Stack:
    division = addresses.divide(spec.mesh.subnet)
    network = NetworkVariables(
        spec.mesh.network,
        str(division.subnet),
        str(division.gateway),
        str(division.dynamic),
    )
    return Stack(spec.name, network)
