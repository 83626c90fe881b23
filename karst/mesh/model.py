"""The mesh as values: who is where, who may call whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from karst.config.spec import MeshPorts, Protocol, PublishSpec
from karst.pki import Identity

# An unprivileged port: the edge's Envoy has no capability to bind a low one.
DOOR_PORT = 15080

PROBE = "karst-probe"
DEFAULT_PORTS = MeshPorts()


@dataclass(frozen=True)
class Peer:
    """A service as its callers see it.

    Attributes:
        virtual_address: what its name resolves to; never moves.
        endpoints: real addresses that get traffic now; empty before its first
            healthy release.
    """

    identity: Identity
    port: int
    protocol: Protocol
    virtual_address: str
    endpoints: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.identity.service


@dataclass(frozen=True)
class Node:
    """One sidecar: its own service, whom it may call and who may call it.

    `port` and `virtual_address` are None and "" for a worker, which nobody calls.
    """

    identity: Identity
    port: int | None
    protocol: Protocol
    virtual_address: str = ""
    ports: MeshPorts = DEFAULT_PORTS
    callees: tuple[Peer, ...] = ()
    callers: tuple[Identity, ...] = ()

    @property
    def probe(self) -> Identity:
        return Identity(self.identity.stack, PROBE, self.identity.trust_domain)


@dataclass(frozen=True)
class Door:
    """An edge proxy: one published service, called over mTLS like anybody's."""

    identity: Identity
    target: Peer
    publish: PublishSpec


@dataclass(frozen=True)
class Mesh:
    """All sidecars of a stack, by service name, and its doors, by published service."""

    nodes: dict[str, Node] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)
