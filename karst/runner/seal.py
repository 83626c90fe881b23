"""Closes the network namespace before anything else can run in it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from karst.runner.namespace import holds_net_admin, interface_of, ipv6_interfaces
from karst.runner.rules import IPV6_RULES, render_edge_rules, render_service_rules
from karst.runner.settings import Sidecar

# A kernel has either of the two; the default name is whichever the image prefers.
_RESTORE = ("iptables-restore", "iptables-legacy-restore")
_RESTORE6 = ("ip6tables-restore", "ip6tables-legacy-restore")
_INTERFACE_WAIT = 5.0
_LOSE_NET_ADMIN = (
    "setpriv",
    "--bounding-set=-net_admin",
    "--inh-caps=-all",
    "--clear-groups",
    "--no-new-privs",
)


class SealError(Exception):
    """The namespace cannot be closed; the text is one line for people."""


def seal(sidecar: Sidecar, envoy: int) -> None:
    """Put the packet rules in force; raises SealError, and then nothing may start.

    `envoy` is the gid whose packets pass them.
    """
    if not _restore(_RESTORE, _rules(sidecar, envoy)):
        raise SealError(
            "the packet rules are refused (NET_ADMIN missing, or a kernel without nat, "
            "conntrack or owner matches)"
        )
    if _restore(_RESTORE6, IPV6_RULES):
        return
    open_to = ipv6_interfaces(_text("/proc/net/if_inet6"))
    if open_to:
        raise SealError(
            f"{', '.join(open_to)} has an IPv6 address and this kernel has no ip6tables: "
            "use a network without IPv6"
        )


def reexec_without_net_admin(*words: str) -> None:
    """Start this entry point anew with `words`, NET_ADMIN out of reach for good."""
    own = [sys.executable, *sys.orig_argv[1:-1], *words]
    os.execvp(_LOSE_NET_ADMIN[0], [*_LOSE_NET_ADMIN, "--", *own])


def check_sealed() -> None:
    """Raise SealError unless this process has lost NET_ADMIN."""
    if holds_net_admin(_text("/proc/self/status")):
        raise SealError("NET_ADMIN is still held")


def _rules(sidecar: Sidecar, envoy: int) -> str:
    if sidecar.role == "service":
        return render_service_rules(sidecar.subnet, envoy, sidecar.ports)
    deadline = time.monotonic() + _INTERFACE_WAIT
    while time.monotonic() < deadline:
        mesh = interface_of(sidecar.subnet, _text("/proc/net/route"))
        if mesh:
            return render_edge_rules(sidecar.subnet, envoy, mesh)
        time.sleep(0.1)
    raise SealError(f"no interface is on the mesh network {sidecar.subnet}")


def _restore(programs: tuple[str, ...], rules: str) -> bool:
    return any(_feed((program, "--noflush"), rules) == 0 for program in programs)


def _feed(argv: tuple[str, ...], text: str) -> int:
    reading, writing = os.pipe()
    # A rule set is far smaller than a pipe's buffer, so this can't block.
    os.write(writing, text.encode())
    os.close(writing)
    actions = [(os.POSIX_SPAWN_DUP2, reading, 0)]
    try:
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    except FileNotFoundError:
        return 127
    finally:
        os.close(reading)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return ""
