"""A throw-away stack: its name and network, the mark of its run, and its removal.

Before anything else the run makes a volume whose labels say that the stack is one of
these and when its run ends. Whatever kills the run, a later one finds the mark, and
removes what is left.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Network

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from karst.config.spec import MeshSpec, StackSpec, StateSpec
from karst.effects.engine import Engine
from karst.effects.engine_facts import NetworkFacts
from karst.effects.engine_volumes import create_volume, list_volumes, remove_volume
from karst.errors import EngineError, NetworkClashError

# None of the ranges that the engine gives to networks by itself, and beside the doors'.
RANGE = IPv4Network("10.214.0.0/15")
_LONGEST = 40
_AT_ONCE = 8
_MARK = "karst.e2e"
_ENDS = "karst.e2e.ends"
# A run that was told to end may need this long to remove its stack.
_REMOVAL_SECONDS = 600.0
_PATIENCE = 60.0


def throw_away(spec: StackSpec, taken: Iterable[NetworkFacts]) -> StackSpec:
    """The same services under a name and a network of their own, with nothing shared.

    Nothing is published on the host, the state is a file of the run's own, and the
    engine's one keeper is left as it is.
    """
    suffix = f"-e2e-{secrets.token_hex(3)}"
    name = spec.name[: _LONGEST - len(suffix)].rstrip("-") + suffix
    size = _size(len(spec.services))
    return replace(
        spec,
        name=name,
        services=tuple(replace(s, publish=None) for s in spec.services),
        mesh=MeshSpec(
            network=f"karst-{name}",
            subnet=str(choose_subnet(taken, size)),
            default=spec.mesh.default,
            keeper=False,
            ports=spec.mesh.ports,
        ),
        state=StateSpec(),
    )


def choose_subnet(
    taken: Iterable[NetworkFacts], size: int, *, pick: Callable[..., int] | None = None
) -> IPv4Network:
    """A free network with a prefix of `size`, at random: two runs rarely want one."""
    used = [IPv4Network(s) for n in taken for s in n.subnets if ":" not in s]
    free = [
        block
        for block in RANGE.subnets(new_prefix=size)
        if not any(block.overlaps(other) for other in used)
    ]
    if not free:
        raise NetworkClashError(
            f"no network is left in {RANGE} for a throw-away stack",
            remedy="remove networks that nobody needs; `karst doctor` lists them",
        )
    return free[(pick or random.SystemRandom().randrange)(len(free))]


def _size(services: int) -> int:
    """A quarter of the network is for fixed addresses, and as much for virtual ones."""
    needed = 4 * (2 * services + 8)
    return min(24, 32 - (needed - 1).bit_length())


def mark(engine: Engine, spec: StackSpec, base: str, *, ends: float) -> None:
    """Say on the engine that this stack is thrown away, and when (epoch seconds)."""
    labels = {"karst.stack": spec.name, _MARK: base, _ENDS: str(int(ends))}
    create_volume(engine, _mark_of(spec.name), labels)


def _mark_of(stack: str) -> str:
    return f"{stack}-mark"


def remove_dead(engine: Engine, *, now: float) -> tuple[str, ...]:
    """Remove the stacks of runs that should have ended; returns their names.

    One that another run removes at this moment is well.
    """
    removed = []
    for volume in list_volumes(engine, {_MARK: ""}):
        ends = volume.labels.get(_ENDS, "")
        if ends.isdecimal() and int(ends) + _REMOVAL_SECONDS < now:
            remove_stack(engine, volume.labels["karst.stack"])
            removed.append(volume.labels["karst.stack"])
    return tuple(removed)


def remove_stack(engine: Engine, stack: str) -> int:
    """Remove all that carries the stack's label, the mark last; returns how many
    containers there were.

    Not by Terraform, which takes four times as long and needs its state: a pipeline
    that is cancelled has seconds.
    """
    seen: set[str] = set()
    # What was being made when its maker was killed may appear after the first look, and
    # what another removes at this moment is there for a while.
    looks = Retrying(
        retry=retry_if_result(bool),
        stop=stop_after_delay(_PATIENCE),
        wait=wait_fixed(0.3),
        retry_error_callback=lambda _: None,
    )
    looks(_remove_containers, engine, stack, seen)
    networks = [
        n.name for n in engine.networks() if n.labels.get("karst.stack") == stack
    ]
    _each(lambda name: _gone(engine, engine.remove_network, name), networks)
    volumes = [v.name for v in list_volumes(engine, {"karst.stack": stack})]
    last = _mark_of(stack)
    _each(lambda name: remove_volume(engine, name), [v for v in volumes if v != last])
    if last in volumes:
        remove_volume(engine, last)
    return len(seen)


def _remove_containers(engine: Engine, stack: str, seen: set[str]) -> int:
    found = [c.name for c in engine.listed({"karst.stack": stack})]
    seen.update(found)
    _each(engine.remove, found)
    return len(found)


def _gone(engine: Engine, remove: Callable[[str], None], name: str) -> None:
    try:
        remove(name)
    except EngineError:
        if any(n.name == name for n in engine.networks()):
            raise


def _each(work: Callable[[str], None], names: list[str]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(work, names))
