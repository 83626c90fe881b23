"""What karst tells a sidecar: the JSON of the variable KARST_SIDECAR, read and checked.

Values are named tuples here, not dataclasses: importing `dataclasses` alone would cost
every sidecar more than a mebibyte.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any, NamedTuple

# Key files are uid 1337's and group 0's, which is why Envoy is in group 0; the folder of
# its socket is of this group. Its uid and gid are drawn anew at every start: see
# `karst.runner.envoy`.
ENVOY_GROUP = 1337
SERVER_UID = 1338
AGENT_SOCKET = "/run/karst/agent.sock"
ADMIN_SOCKET = "/run/karst/envoy/admin.sock"
FILES_ROOT = "/var/lib/karst"
# Abstract: scoped by the network namespace, which the app shares and nobody else.
SHIM_ADDRESS = b"\0karst/agent"

_CHOICES = {
    "role": ("service", "edge"),
    "protocol": ("http", "grpc", "tcp", "none"),
    "kind": ("service", "job"),
}
_HEALTH_KINDS = ("http", "grpc", "tcp", "command", "process")


class SettingsError(ValueError):
    """KARST_SIDECAR cannot be used; the text is a sentence for people."""


class Health(NamedTuple):
    """How the app is asked: see `karst.config.spec.HealthSpec`. Times in seconds."""

    kind: str = "tcp"
    target: str = ""
    command: tuple[str, ...] = ()
    grace: float = 30.0
    interval: float = 2.0
    timeout: float = 2.0


class Ports(NamedTuple):
    """Where the packet rules send what arrives and what the app dials."""

    inbound: int = 15000
    outbound: int = 15001


class Sidecar(NamedTuple):
    """One sidecar; `port` is None for a worker, `shim` tells whether the app has one."""

    stack: str
    service: str
    release: str
    role: str
    subnet: str
    port: int | None
    protocol: str
    kind: str
    shim: bool
    health: Health
    ports: Ports


def parse_sidecar(text: str) -> Sidecar:
    """Read KARST_SIDECAR; raises SettingsError with the reason."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"KARST_SIDECAR is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise SettingsError("KARST_SIDECAR is not a JSON object")
    try:
        return _sidecar(given)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"KARST_SIDECAR: {error!r}") from error


def _sidecar(given: dict[str, Any]) -> Sidecar:
    for key, allowed in _CHOICES.items():
        if key in given and given[key] not in allowed:
            raise SettingsError(f"KARST_SIDECAR: {key} is none of {', '.join(allowed)}")
    port = given.get("port")
    if port is not None and not 0 < int(port) < 65536:
        raise SettingsError(f"KARST_SIDECAR: port {port} is out of range")
    return Sidecar(
        stack=str(given["stack"]),
        service=str(given["service"]),
        release=str(given.get("release", "")),
        role=given.get("role", "service"),
        subnet=str(ipaddress.IPv4Network(given["subnet"])),
        port=None if port is None else int(port),
        protocol=given.get("protocol", "http"),
        kind=given.get("kind", "service"),
        shim=bool(given.get("shim", False)),
        health=_health(given.get("health") or {}),
        ports=_ports(given.get("ports") or {}),
    )


def _ports(given: dict[str, Any]) -> Ports:
    default = Ports()
    return Ports(
        int(given.get("inbound", default.inbound)),
        int(given.get("outbound", default.outbound)),
    )


def _health(given: dict[str, Any]) -> Health:
    default = Health()
    kind = given.get("kind", default.kind)
    if kind not in _HEALTH_KINDS:
        raise SettingsError(f"KARST_SIDECAR: no health kind {kind!r}")
    return Health(
        kind=kind,
        target=str(given.get("target", "")),
        command=tuple(str(word) for word in given.get("command") or ()),
        grace=float(given.get("grace", default.grace)),
        interval=max(0.1, float(given.get("interval", default.interval))),
        timeout=max(0.1, float(given.get("timeout", default.timeout))),
    )
