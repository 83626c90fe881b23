"""What the kernel says of this network namespace and process, read from /proc texts."""

from __future__ import annotations

import ipaddress
import socket
import struct

CAP_NET_ADMIN = 12
_CAPABILITY_SETS = ("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:")

_LISTEN = "0A"
# Docker's own: it listens on a port drawn anew in every namespace.
_NAME_SERVER = ipaddress.IPv4Address("127.0.0.11")


def ipv6_interfaces(if_inet6: str) -> list[str]:
    """Interfaces other than loopback with an IPv6 address, from /proc/net/if_inet6."""
    lines = [line.split() for line in if_inet6.splitlines() if line.strip()]
    return sorted({fields[-1] for fields in lines} - {"lo"})


def interface_of(subnet: str, route: str) -> str | None:
    """The interface that is directly on `subnet`, from the text of /proc/net/route."""
    network = ipaddress.IPv4Network(subnet)
    for line in route.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[2] != "00000000":
            continue
        destination = _address(fields[1])
        if destination in network:
            return fields[0]
    return None


def holds_net_admin(status: str) -> bool:
    """Whether any capability set in the text of /proc/self/status has NET_ADMIN."""
    masks = [
        int(line.split()[1], 16)
        for line in status.splitlines()
        if line.startswith(_CAPABILITY_SETS)
    ]
    return not masks or any(mask >> CAP_NET_ADMIN & 1 for mask in masks)


def listening_ports(tcp: str) -> set[int]:
    """Ports that the app and the sidecar listen on, from /proc/net/tcp and its tcp6."""
    found = set()
    for line in tcp.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[3] != _LISTEN:
            continue
        address, _, port = fields[1].partition(":")
        if len(address) > 8 or _address(address) != _NAME_SERVER:
            found.add(int(port, 16))
    return found


def _address(host_order_hex: str) -> ipaddress.IPv4Address:
    # The kernel prints addresses as the machine's own integers.
    packed = struct.pack("=L", int(host_order_hex, 16))
    return ipaddress.IPv4Address(socket.inet_ntoa(packed))
