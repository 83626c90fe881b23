"""The command lines of ssh, what is asked on the other side, and what its words mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from karst.command import Command
from karst.errors import EngineError

FOUND = "karst-engine "
# ssh's words for a connection through it that the other side does not take.
CLOSED = "open failed"


@dataclass(frozen=True)
class SshAccess:
    """A key and host keys, each a text or a path; "" leaves it to the user's agent,
    `~/.ssh/config` and `known_hosts`."""

    key: str = field(default="", repr=False)
    known_hosts: str = ""


# The first value of an option counts, and the command line comes before any file: no
# configuration can turn the check of host keys off, or open anything else beside.
_ALWAYS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "NoHostAuthenticationForLocalhost": "no",
    "VerifyHostKeyDNS": "no",
    "UpdateHostKeys": "no",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ControlPersist": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "INFO",
}


def log_in(address: str, control: Path, access: SshAccess, remote: str) -> Command:
    """Log in as the master of one connection, and run `remote` there."""
    options = dict(_ALWAYS)
    if access.key:
        options |= {"IdentitiesOnly": "yes", "IdentityAgent": "none"}
    if access.known_hosts:
        # OpenSSH before 8.5 does not know the last of these.
        options |= {
            "UserKnownHostsFile": f'"{access.known_hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "IgnoreUnknown": "KnownHostsCommand",
            "KnownHostsCommand": "none",
        }
    words: list[str] = ["ssh", "-M", "-S", str(control), "-T"]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    if access.key:
        words += ["-i", access.key]
    return Command((*words, *_destination(address), remote))


def forward(address: str, control: Path, here: Path, there: str) -> Command:
    """Have the master forward the socket `there` to `here`."""
    words = ("ssh", "-S", str(control), "-O", "forward", "-L", f"{here}:{there}")
    return Command((*words, *_destination(address)), timeout=30)


def _destination(address: str) -> tuple[str, ...]:
    parts = urlsplit(address)
    port = ("-p", str(parts.port)) if parts.port else ()
    user = ("-l", parts.username) if parts.username else ()
    # After "--" nothing is an option, whatever it begins with.
    return (*port, *user, "--", parts.hostname or "")


def find_engine(path: str) -> str:
    """A script for the other side: say where the engine listens, then wait for the end.

    What its owner chose counts: DOCKER_HOST, the current docker context (rootless
    engines set one), then the usual places. It is over when its input is.
    """
    given = "'" + path.replace("'", "'\\''") + "'"
    return f"""
given={given} denied=
try() {{
    [ -S "$1" ] || return 1
    if [ -w "$1" ]; then echo "{FOUND}at $1"; exec cat >/dev/null; fi
    denied=${{denied:-$1}}
    return 1
}}
if [ -n "$given" ]; then
    try "$given"
    [ -n "$denied" ] && echo "{FOUND}denied $given" || echo "{FOUND}missing $given"
    exit
fi
host=$DOCKER_HOST
if [ -z "$host" ] && command -v docker >/dev/null 2>&1; then
    host=$(docker context inspect --format '{{{{.Endpoints.docker.Host}}}}' 2>/dev/null)
fi
case $host in
    unix://*) try "${{host#unix://}}" ;;
    ?*://*) echo "{FOUND}other $host"; exit ;;
esac
try /var/run/docker.sock
try "${{XDG_RUNTIME_DIR:-/run/user/$(id -u)}}/docker.sock"
[ -n "$denied" ] && echo "{FOUND}denied $denied" || echo "{FOUND}none"
"""


_SENTENCES = (
    (
        ("IDENTIFICATION HAS CHANGED", "Host key verification failed"),
        "the host key is not among the known ones",
        "compare the key with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), then put the line of `ssh-keyscan` into known_hosts, KARST_SSH_KNOWN_HOSTS or the step's input ssh-known-hosts; a port other than 22 stands there as [host]:port",
    ),
    (
        ("error in libcrypto", "invalid format", "incorrect passphrase"),
        "the ssh key can't be read",
        "give the whole private key, unencrypted, with its first and last line",
    ),
    (
        ("administratively prohibited", "forwarding request failed", CLOSED),
        "sshd there forwards no sockets, or the engine's does not answer",
        "set `AllowStreamLocalForwarding yes` in its sshd_config, and see that the engine runs",
    ),
    (
        ("Could not resolve hostname",),
        "no such host is known",
        "correct the host in the address",
    ),
    (
        (
            *("Connection refused", "timed out", "No route to host"),
            *("Network is unreachable", "Connection reset", "Connection closed by"),
        ),
        "the machine does not answer",
        "check host and port, and that this machine may reach it",
    ),
)


def explain(address: str, said: str, *, has_key: bool) -> EngineError:
    """What ssh's last words mean."""
    where = address
    for marks, what, remedy in _SENTENCES:
        if any(mark in said for mark in marks):
            return EngineError(what, where=where, remedy=remedy, detail=said.strip())
    if "Permission denied" in said:
        what = "the machine does not accept the key"
        remedy = "put its public half into ~/.ssh/authorized_keys there, and name the account: ssh://user@host"
        if not has_key:
            what = "no key opens that machine"
            remedy = "give one as KARST_SSH_KEY or the step's input ssh-private-key, or load it into an agent: `ssh-add`; a passphrase can't be asked for here"
        return EngineError(what, where=where, remedy=remedy, detail=said.strip())
    return EngineError(
        "ssh did not get there",
        where=where,
        remedy="try `ssh` with the same address by hand",
        detail=said.strip(),
    )
