"""Addresses of the mesh: how a subnet is divided, and who gets which, once and for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from karst.errors import NetworkClashError


@dataclass(frozen=True)
class AddressPlan:
    """A subnet in four equal parts.

    Attributes:
        gateway: the bridge's own address, in `dynamic`.
        dynamic: what the engine leases by itself (`ip_range`).
        fixed: real addresses of sidecars, one per release.
        virtual: what a service's name resolves to; no container has one.
    """

    subnet: IPv4Network
    gateway: IPv4Address
    dynamic: IPv4Network
    fixed: IPv4Network
    virtual: IPv4Network


def divide(subnet: str) -> AddressPlan:
    """Divide `subnet` ("172.20.0.0/16"); the fourth part is kept for later."""
    network = IPv4Network(subnet)
    dynamic, fixed, virtual, _ = network.subnets(prefixlen_diff=2)
    return AddressPlan(network, network[1], dynamic, fixed, virtual)


# Left to itself the engine gives every network a /16 of about thirty that it has.
_DOORS = IPv4Network("10.213.0.0/16")
_DOOR_PREFIX = 29


def choose_door_subnets(
    stack: str, names: Iterable[str], kept: Mapping[str, str], taken: Iterable[str]
) -> dict[str, str]:
    """Give each name a small network of its own that none of `taken` touches.

    Where the search begins goes by the stack, too: two of them that are deployed at
    once don't see each other's choice.
    """
    used = [IPv4Network(subnet) for subnet in taken]
    blocks = list(_DOORS.subnets(new_prefix=_DOOR_PREFIX))
    chosen = {name: kept[name] for name in sorted(set(names)) if name in kept}
    used += [IPv4Network(subnet) for subnet in chosen.values()]
    for name in sorted(set(names) - set(chosen)):
        start = _place(f"{stack} {name}") % len(blocks)
        for block in blocks[start:] + blocks[:start]:
            if not any(block.overlaps(other) for other in used):
                break
        else:
            raise NetworkClashError(
                f"no network is left in {_DOORS} for the door of '{name}'",
                where="publish",
                remedy="remove networks that nobody needs: `docker network prune`",
            )
        chosen[name] = str(block)
        used.append(block)
    return chosen


def _place(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def choose(
    names: Iterable[str], kept: Mapping[str, str], pool: IPv4Network
) -> dict[str, str]:
    """Give each name an address of `pool`.

    A kept address stays; a new name starts at a place given by its hash and takes the
    next free one, so that the choice rarely depends on who else is there even where
    nothing was kept.
    """
    chosen: dict[str, str] = {}
    wanted = sorted(set(names))
    taken = set(kept.values())
    for name in wanted:
        if name in kept and IPv4Address(kept[name]) in pool:
            chosen[name] = kept[name]
    for name in wanted:
        if name in chosen:
            continue
        start = _place(name)
        # The first and last addresses of a part look like a network's and a broadcast's.
        size = pool.num_addresses - 2
        for step in range(size):
            address = str(pool[1 + (start + step) % size])
            if address not in taken:
                break
        else:
            raise NetworkClashError(
                f"no address is left in {pool} for '{name}'",
                where="mesh.subnet",
                remedy="give mesh.subnet a larger network, such as a /16",
            )
        taken.add(address)
        chosen[name] = address
    return chosen
