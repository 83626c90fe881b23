"""What can be known before apply, so that it changes nothing where it would fail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from ipaddress import IPv4Network, ip_network
from itertools import islice

from karst.config.spec import StackSpec
from karst.effects.engine import Engine
from karst.effects.engine_facts import NetworkFacts
from karst.effects.engine_volumes import read_image_file
from karst.errors import ImageUserError, NetworkClashError
from karst.pipeline.tools import Planned
from karst.terraform import Stack

_SIDECAR_UIDS = {1337, 1338}
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")
_PRIVATE = ("172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16")


def refuse_clashes(engine: Engine, spec: StackSpec, stack: Stack) -> None:
    """Raise NetworkClashError where the mesh's network or a host port is taken."""
    doors = {d.service: (d.host_ip, d.host_port) for d in stack.doors.values()}
    for clash in _clashes(engine, spec, doors):
        raise clash


def find_clashes(engine: Engine, spec: StackSpec) -> tuple[NetworkClashError, ...]:
    """All that a plan of `spec` would be refused for, one by one."""
    published = ((s.name, s.publish) for s in spec.services)
    doors = {name: (p.address, p.port) for name, p in published if p}
    return tuple(_clashes(engine, spec, doors))


def _clashes(
    engine: Engine, spec: StackSpec, doors: Mapping[str, tuple[str, int]]
) -> Iterator[NetworkClashError]:
    yield from network_clashes(engine.networks(), spec)
    yield from _port_clashes(engine, spec, doors)


def network_clashes(
    networks: Sequence[NetworkFacts], spec: StackSpec
) -> Iterator[NetworkClashError]:
    """What of the engine's networks is in the way of the mesh's own."""
    wanted = ip_network(spec.mesh.subnet)
    for network in networks:
        ours = network.labels.get("karst.stack") == spec.name
        if network.name == spec.mesh.network:
            if ours:
                continue
            yield NetworkClashError(
                f"the engine has a network '{network.name}' that is not this stack's",
                where=f"{spec.source} mesh.network",
                remedy="give mesh.network another name (and mesh.subnet a range of its own)",
            )
        elif any(wanted.overlaps(IPv4Network(s)) for s in _ipv4(network.subnets)):
            free = ", ".join(free_subnets(networks))
            yield NetworkClashError(
                f"{wanted} overlaps with the engine's network '{network.name}' ({', '.join(network.subnets)})",
                where=f"{spec.source} mesh.subnet",
                remedy=f"set mesh.subnet to a free range, such as {free}",
            )


def others_subnets(engine: Engine, stack: str) -> tuple[str, ...]:
    """What the engine's networks cover that are not this stack's."""
    return tuple(
        subnet
        for network in engine.networks()
        if network.labels.get("karst.stack") != stack
        for subnet in _ipv4(network.subnets)
    )


def _port_clashes(
    engine: Engine, spec: StackSpec, doors: Mapping[str, tuple[str, int]]
) -> Iterator[NetworkClashError]:
    taken = engine.published_ports()
    for service, (host_ip, host_port) in doors.items():
        for (ip, port), (name, owner) in taken.items():
            everywhere = "0.0.0.0"  # noqa: S104
            same = ip == host_ip or everywhere in (ip, host_ip)
            if port == host_port and same and owner != spec.name:
                yield NetworkClashError(
                    f"host port {host_ip}:{port} is published by container '{name}'",
                    where=f"{spec.source} services.{service}.publish",
                    remedy="publish on another port, or stop that container",
                )
                break


def free_subnets(networks: Iterable[NetworkFacts], count: int = 3) -> tuple[str, ...]:
    """Private /16 ranges that no network of the engine touches."""
    used = [IPv4Network(s) for n in networks for s in _ipv4(n.subnets)]
    candidates = (
        block
        for private in _PRIVATE
        for block in ip_network(private).subnets(new_prefix=16)
        if isinstance(block, IPv4Network)
        and not any(block.overlaps(other) for other in used)
    )
    return tuple(str(block) for block in islice(candidates, count))


def _ipv4(subnets: Iterable[str]) -> list[str]:
    return [s for s in subnets if ":" not in s]


def refuse_users(engine: Engine, planned: Planned) -> None:
    """Raise ImageUserError for an image whose user the mesh can't allow.

    Root is refused unless asked for: such an image mostly starts as root to switch
    user, which it can't without capabilities. A release that is kept was looked at
    when it was new.
    """
    new = {
        release.service
        for key, release in planned.plan.stack.services.items()
        if key not in planned.applied.services
    }
    looked = cache(partial(_uids, engine))
    for name, prepared in planned.prepared.items():
        if name not in new:
            continue
        facts = engine.image(prepared.image)
        if facts is None:
            continue
        asked = prepared.spec.user
        user = asked if asked is not None else facts.user
        uids = looked(prepared.image, user.partition(":")[0])
        if not uids:
            raise ImageUserError(
                f"no line of the image's /etc/passwd says which uid '{user}' is, under which '{name}' would run",
                where=prepared.image,
                remedy=f'give the service a user by number, such as `user: "10001:10001"` under {name}',
            )
        if taken := uids & _SIDECAR_UIDS:
            raise ImageUserError(
                f"'{name}' would run as uid {min(taken)}, which is the sidecar's",
                where=prepared.image,
                remedy=f'give the service another user, such as `user: "10001:10001"` under {name}',
            )
        if asked is None and 0 in uids:
            raise ImageUserError(
                f"the image of '{name}' starts as root, and no app has root's rights in the mesh",
                where=prepared.image,
                remedy=f'name the user it should run as, such as `user: "10001:10001"` under {name} (`user: "0:0"` runs it as root without any capability)',
            )


def _uids(engine: Engine, image: str, user: str) -> set[int]:
    """Every uid that the engine may take `user` for; empty where no line names it.

    The engine trims lines of /etc/passwd, takes "+1337" for a number and what is none
    for 0, and an image's passwd is hostile text: all lines that could be meant count.
    """
    if not user or _NUMBER.fullmatch(user):
        return {int(user or 0)}
    text = read_image_file(engine, image, "/etc/passwd") or b""
    entries = (line.split(":") for line in text.decode("latin-1").split("\n"))
    found = [entry for entry in entries if user in entry[0]]
    return {
        int(entry[2]) if len(entry) > 2 and _NUMBER.fullmatch(entry[2]) else 0
        for entry in found
    }
