"""From who is there and who may call whom to every sidecar's view of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from karst.config.spec import MeshPorts, Protocol, PublishSpec
from karst.mesh.model import DEFAULT_PORTS, Door, Mesh, Node, Peer
from karst.pki import Identity


@dataclass(frozen=True)
class Member:
    """A service as it runs (or is about to): not what repos.yaml wishes for later.

    Attributes:
        endpoints: real addresses of releases that proved healthy.
    """

    port: int | None
    protocol: Protocol
    virtual_address: str
    endpoints: tuple[str, ...]
    ports: MeshPorts = DEFAULT_PORTS


def door_identity(stack: str, service: str) -> Identity:
    """The edge proxy's own identity; `karst-` names can't be a service's."""
    return Identity(stack, f"karst-door-{service}")


def assemble(
    stack: str,
    members: Mapping[str, Member],
    edges: Mapping[str, tuple[str, ...]],
    published: Mapping[str, PublishSpec],
) -> Mesh:
    """Build the mesh. Edges to services that are not members are left out."""
    peers = {
        name: Peer(
            Identity(stack, name),
            member.port,
            member.protocol,
            member.virtual_address,
            member.endpoints,
        )
        for name, member in members.items()
        if member.port
    }
    nodes = {}
    for name, member in members.items():
        callers = [Identity(stack, n) for n in sorted(edges) if name in edges[n]]
        if name in published:
            callers.append(door_identity(stack, name))
        nodes[name] = Node(
            identity=Identity(stack, name),
            port=member.port,
            protocol=member.protocol,
            virtual_address=member.virtual_address,
            ports=member.ports,
            callees=tuple(peers[n] for n in sorted(edges.get(name, ())) if n in peers),
            callers=tuple(callers),
        )
    doors = {
        name: Door(door_identity(stack, name), peers[name], publish)
        for name, publish in published.items()
        if name in peers
    }
    return Mesh(nodes, doors)
