"""A machine that is reached by ssh, in a container: real sshd, accounts, sockets."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from snapshots import docker, until

IMAGE = "karsttest/sshd:1"
SOCKET = "/var/run/docker.sock"
DOCKERFILE = """
FROM python:3.11-slim
RUN apt-get update -q \\
    && apt-get install -qy --no-install-recommends openssh-server procps \\
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
"""
# Who may use the engine, who may not, and who has one of another place by a context.
START = """
set -e
group=$(stat -c %g /var/run/docker.sock 2>/dev/null || echo 999)
groupadd -o -g "$group" engine
useradd -m -s /bin/bash -G engine deploy
useradd -m -s /bin/bash -G engine rootless
useradd -m -s /bin/bash visitor
for name in deploy rootless visitor; do
    install -d -o $name -m 700 /home/$name/.ssh
    install -o $name -m 600 /key.pub /home/$name/.ssh/authorized_keys
    passwd -q -d $name
done
cat > /usr/local/bin/docker <<'END'
#!/bin/sh
if [ "$(id -un)" = rootless ]; then echo unix:///srv/own/docker.sock; fi
END
chmod 755 /usr/local/bin/docker
mkdir -p /run/sshd
install -m 600 /host /run/host
common="-h /run/host -o UsePAM=no -o PasswordAuthentication=no -o PidFile=none"
# From 9.8 on, sshd turns an address away for a while that got in too seldom.
lenient="-o PerSourcePenalties=no"
if /usr/sbin/sshd -t -h /run/host $lenient; then common="$common $lenient"; fi
/usr/sbin/sshd -E /run/strict.log $common -p 23 -o AllowStreamLocalForwarding=no
exec /usr/sbin/sshd -D -E /run/sshd.log $common -p 22 -o MaxStartups=1
"""


@dataclass(frozen=True)
class Machine:
    """Where it is, and what opens it.

    Attributes:
        port: of an sshd that takes one login at a time.
        strict_port: of one that forwards no sockets.
        folder: `key` and `other` (which opens nothing), and `known_hosts`.
    """

    container: str
    port: int
    strict_port: int
    folder: Path

    @property
    def key(self) -> str:
        return (self.folder / "key").read_text()

    @property
    def known_hosts(self) -> str:
        return (self.folder / "known_hosts").read_text()

    def address(self, user: str = "deploy", *, strict: bool = False) -> str:
        port = self.strict_port if strict else self.port
        return f"ssh://{user}@127.0.0.1:{port}"

    def settle(self) -> None:
        """Wait until nobody is about to log in: sshd refuses who comes meanwhile."""
        until(lambda: not self._entering(), 240, "sshd has nobody at its door")

    def _entering(self) -> bool:
        """As sshd's own title says it: `sshd ... [listener] 0 of 1-1 startups`."""
        told = docker("top", self.container, "-eo", "pid,args")
        return "[listener] 0 of 1-1 startups" not in told

    def logins(self) -> int:
        """How many there were: sshd writes of one before it serves it."""
        told = docker("exec", self.container, "cat", "/run/sshd.log")
        return told.count("Accepted publickey")


@contextlib.contextmanager
def remote_machine(folder: Path, *, engine: bool = True) -> Iterator[Machine]:
    """A machine of the test's own; skipped where its image can't be made."""
    _build(folder)
    for name in ("key", "other", "host"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name]
        subprocess.run([*words, "-f", str(folder / name)], check=True)
    mounts = []
    if engine:
        mounts = ["-v", f"{SOCKET}:{SOCKET}", "-v", f"{SOCKET}:/srv/own/docker.sock"]
    container = f"karsttest-ssh-{uuid.uuid4().hex[:6]}"
    words = ["-p", "127.0.0.1::22", "-p", "127.0.0.1::23", *mounts]
    try:
        docker("create", "--name", container, *words, IMAGE, "sh", "-c", START)
        for name in ("key.pub", "host"):
            docker("cp", str(folder / name), f"{container}:/{name}")
        docker("start", container)
        ports = [
            int(docker("port", container, str(p)).split(":")[-1]) for p in (22, 23)
        ]
        host = (folder / "host.pub").read_text()
        lines = [f"[127.0.0.1]:{port} {host}" for port in ports]
        (folder / "known_hosts").write_text("".join(lines))
        machine = Machine(container, *ports, folder)
        until(lambda: _listening(container) >= {22, 23}, 240, "both sshds listen")
        yield machine
    finally:
        docker("rm", "-f", "-v", container, check=False)


def _listening(container: str) -> set[int]:
    """TCP ports that somebody in there listens on (0A: LISTEN)."""
    rows = docker("exec", container, "cat", "/proc/net/tcp", check=False).splitlines()
    listed = [row.split() for row in rows[1:]]
    return {int(row[1].split(":")[1], 16) for row in listed if row[3] == "0A"}


def _build(folder: Path) -> None:
    if docker("image", "inspect", IMAGE, check=False).strip() not in ("", "[]"):
        return
    context = folder / "image"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    built = subprocess.run(
        ["docker", "build", "-q", "-t", IMAGE, str(context)],
        # Without BuildKit: any client can.
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"an image with sshd needs Debian's packages: {built.stderr}")
