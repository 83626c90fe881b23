"""Which questions make up the edge matrix, and from where each is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from karst.pki import Identity

_PORTS = {"inbound": 15000, "grpc": 50051, "admin": 9901}


@dataclass(frozen=True)
class Member:
    """A release, or a door, that may call and be called.

    Attributes:
        identity: a service's, or a door's (`karst-door-web`).
        container: whose network namespace it lives in: its sidecar's name.
        agent: what the sidecar's agent was told: port, protocol, health, ports.
        address: the sidecar's real address.
        virtual_address: what its name resolves to; "" for a door.
        target: the service that a door leads to, else "".
        tls: the door speaks TLS to browsers.
    """

    identity: Identity
    container: str
    agent: Mapping[str, Any]
    address: str
    virtual_address: str = ""
    target: str = ""
    tls: bool = False

    @property
    def name(self) -> str:
        return self.identity.service


@dataclass(frozen=True)
class Pair:
    """One cell of the matrix, and the ids of the questions that decide it."""

    caller: str
    callee: str
    expected: Literal["allowed", "denied", "plaintext"]
    asks: tuple[str, ...]


@dataclass
class Questions:
    """All of the matrix.

    Attributes:
        inside: container => what is asked in its namespace.
        outside: what is asked from the mesh's network.
        callers: whose identities that takes.
    """

    pairs: list[Pair] = field(default_factory=list)
    inside: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    outside: list[dict[str, Any]] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)


def render_questions(
    members: tuple[Member, ...], edges: Mapping[str, tuple[str, ...]]
) -> Questions:
    """Every ordered pair of members with a callee that has a port; then each alone."""
    questions = Questions()
    callees = [m for m in members if m.agent["port"] and not m.target]
    for caller in members:
        for callee in callees:
            if caller.name == callee.name:
                continue
            allowed = (caller.target,) if caller.target else edges.get(caller.name, ())
            if callee.name in allowed:
                _allow(questions, caller, callee)
            else:
                _deny(questions, caller, callee)
    for member in members:
        if not member.target:
            _lock(questions, member)
    return questions


def _allow(questions: Questions, caller: Member, callee: Member) -> None:
    ask = {
        "id": f"{caller.name}>{callee.name}",
        "kind": "answered",
        # A door has no name for its service: it listens, and passes on.
        "host": "127.0.0.1" if caller.target else callee.name,
        "port": caller.agent["port"] if caller.target else callee.agent["port"],
        "protocol": callee.agent["protocol"],
        "health": callee.agent.get("health") or {},
        "tls": caller.tls,
    }
    questions.inside.setdefault(caller.container, []).append(ask)
    questions.pairs.append(Pair(caller.name, callee.name, "allowed", (ask["id"],)))


def _deny(questions: Questions, caller: Member, callee: Member) -> None:
    pair = f"{caller.name}>{callee.name}"
    asks = [f"{pair} refused"]
    if caller.name not in questions.callers:
        questions.callers.append(caller.name)
    questions.outside.append(
        {
            "id": asks[0],
            "kind": "turned away",
            "address": callee.address,
            "port": callee.agent["port"],
            "server_id": callee.identity.uri,
            "identity": {
                "cert": f"/probe/{caller.name}.crt",
                "key": f"/probe/{caller.name}.key",
                "ca": "/probe/ca.pem",
            },
        }
    )
    if not caller.target:
        asks.append(f"{pair} shut")
        questions.inside.setdefault(caller.container, []).append(
            {
                "id": asks[1],
                "kind": "shut",
                "addresses": [callee.virtual_address, callee.address],
                "port": callee.agent["port"],
            }
        )
    questions.pairs.append(Pair(caller.name, callee.name, "denied", tuple(asks)))


def _lock(questions: Questions, member: Member) -> None:
    ports = {**_PORTS, **(member.agent.get("ports") or {})}
    own = member.agent["port"]
    clear = [own, ports["inbound"], ports["grpc"], ports["admin"]]
    ask = {
        "id": f">{member.name}",
        "kind": "unlocked",
        "address": member.address,
        "ports": sorted({port for port in clear if port}),
        "port": own or ports["grpc"],
        "server_id": member.identity.uri,
        "ca": "/probe/ca.pem",
    }
    questions.outside.append(ask)
    questions.pairs.append(Pair("", member.name, "plaintext", (ask["id"],)))
