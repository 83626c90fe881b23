"""Volumes that a service names: never karst's own, another service's or another stack's.

An engine's volumes have one name each, `<stack>-<service>-<volume>`, and every part of
it may hold a hyphen. So a service `eu` of the stack `shop` could name the volume that
holds the key of the stack `shop-eu`, and mount it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from karst.config.spec import StackSpec
from karst.effects.engine_volumes import VolumeFacts
from karst.errors import ConfigError
from karst.mesh.target import volume_name
from karst.terraform import Stack
from karst.terraform.stack import Applied, Release

DATA = "karst.data"
_STACK = "karst.stack"
Look = Callable[[Mapping[str, str]], tuple[VolumeFacts, ...]]


def data_volume(stack: str, service: str, name: str) -> str:
    """What the engine calls a service's volume; the module in infra/ says it too."""
    return f"{stack}-{service}-{name}"


def refuse_volumes(spec: StackSpec, stack: Stack, applied: Applied, look: Look) -> None:
    """Raise ConfigError for a volume that would be somebody else's.

    `look` finds the engine's volumes that have a label; asked where a service has any.
    """
    wanted = list(_wanted(stack))
    if not wanted:
        return
    own = {volume_name(stack.name), f"{stack.name}-state", f"{stack.name}-mark"}
    for release in (*stack.services.values(), *applied.services.values()):
        own |= {release.mesh_volume, release.secrets_volume}
    for door in (*stack.doors.values(), *applied.doors.values()):
        own.add(door.mesh_volume)
    there = {v.name: v.labels for v in look({_STACK: ""})}
    seen: dict[str, str] = {}
    for release, name, volume in wanted:
        labels = there.get(volume, {_STACK: stack.name, DATA: "kept"})
        whose = ""
        if volume in own or (labels[_STACK] == stack.name and DATA not in labels):
            whose = "is karst's own"
        elif labels[_STACK] != stack.name:
            whose = f"belongs to the stack '{labels[_STACK]}'"
        elif seen.setdefault(volume, release.service) != release.service:
            whose = f"is already that of the service '{seen[volume]}'"
        if whose:
            raise ConfigError(
                f"the engine's volume '{volume}' {whose}",
                where=f"{spec.source} services.{release.service}.volumes.{name}",
                remedy="give the volume another name",
            )


def _wanted(stack: Stack) -> Iterator[tuple[Release, str, str]]:
    for release in stack.services.values():
        for name in release.volumes:
            yield release, name, data_volume(stack.name, release.service, name)
