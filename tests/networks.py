"""Subnets and ports for tests on an engine, past those that other runs hold or have left."""

from __future__ import annotations

import os
import secrets
import socket
from ipaddress import IPv4Network, ip_network

from karst.effects.engine import connect

# None of what the engine gives to networks by itself, and no throw-away stack's or door's.
OWN_BLOCK = "10.64.0.0/11"
# Below those that the kernel gives to whoever dials, so that no client takes one meanwhile.
_PORTS = range(20000, 30000)
_claims: list[socket.socket] = []


def free_subnet(block: str = OWN_BLOCK) -> str:
    """A /24 of `block` ("172.28.0.0/16") that no network of the engine overlaps, and that
    neither this process nor another on this machine was given before.
    """
    taken = _of_the_engine()
    free = [
        subnet
        for subnet in IPv4Network(block).subnets(new_prefix=24)
        if not any(subnet.overlaps(network) for network in taken)
    ]
    secrets.SystemRandom().shuffle(free)
    return next(str(subnet) for subnet in free if _claim(f"subnet {subnet}"))


def free_port() -> int:
    """A TCP port that nobody listens on now, and that nobody else was given."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        if _claim(f"port {port}"):
            return port


def _claim(what: str) -> bool:
    """Have it until this process ends; False where a living one has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0karsttest {what}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _of_the_engine() -> set[IPv4Network]:
    ranges = (
        ip_network(subnet)
        for network in connect(None, os.environ).networks()
        for subnet in network.subnets
    )
    return {found for found in ranges if isinstance(found, IPv4Network)}
