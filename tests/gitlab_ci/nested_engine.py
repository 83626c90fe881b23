"""An engine in a container beside the job, as GitLab's docker:dind is one: behind TLS.

The image is made here; its `dockerd` is Debian's. Instead of `--privileged` it gets what
that takes of rights, because not every machine has all of them to give.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.tls_engine import make_authority, write_client, write_server
from tests.pipelined import docker

IMAGE = "karsttest/dind:1"
# What it is called beside a job, which asks its usual port there.
NAME, PORT = "docker", 2376
_DOCKERFILE = """\
FROM {base}
RUN apt-get update -q \\
    && apt-get install -qy --no-install-recommends docker.io iptables \\
    && rm -rf /var/lib/apt/lists/*
"""
_SERVE = (
    "mount -o remount,rw /proc/sys; exec dockerd --host=unix:///var/run/docker.sock "
    f"--host=tcp://0.0.0.0:{PORT} --tlsverify --tlscacert=/certs/server/ca.pem "
    "--tlscert=/certs/server/cert.pem --tlskey=/certs/server/key.pem"
)
_RIGHTS = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_CHROOT", "MKNOD")


@dataclass(frozen=True)
class NestedEngine:
    """A running one.

    Attributes:
        address: its own one of loopback's, so that several have the usual port.
        client: the certificates that it shares with jobs.
    """

    container: str
    address: str
    client: Path

    def load(self, *images: str) -> None:
        """Copy images over from the engine at hand."""
        words = ["docker", "exec", "-i", self.container, "docker", "load", "-q"]
        save = ["docker", "save", *images]
        with subprocess.Popen(save, stdout=subprocess.PIPE) as saving:
            subprocess.run(words, stdin=saving.stdout, check=True, capture_output=True)
        assert saving.returncode == 0

    def inside(self, *words: str) -> str:
        """What its own client prints."""
        return docker("exec", self.container, "docker", *words)


@contextlib.contextmanager
def nested_engine(folder: Path, base: str, name: str) -> Iterator[NestedEngine]:
    """Start one; it ends with the test, and everything on it."""
    _present_image(base)
    authority = make_authority("docker:dind's CA")
    write_client(folder / "client", authority)
    write_server(folder / "server", authority, NAME)
    words = ["run", "--detach", f"--name={name}", f"--volume={name}:/var/lib/docker"]
    words += [f"--cap-add={right}" for right in _RIGHTS]
    words += ["--security-opt=seccomp=unconfined", "--device-cgroup-rule=a *:* rwm"]
    words += ["--security-opt=apparmor=unconfined"]
    words += ["--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    words += [f"--volume={folder / 'server'}:/certs/server:ro"]
    address = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
    words += [f"--publish={address}:{PORT}:{PORT}", IMAGE, "sh", "-c", _SERVE]
    try:
        docker(*words)
        _wait(name)
        yield NestedEngine(name, address, folder / "client")
    finally:
        docker("rm", "--force", "--volumes", name)
        docker("volume", "rm", "--force", name)


def _wait(name: str) -> None:
    deadline = time.monotonic() + 300
    asked = ["docker", "exec", name, "docker", "version"]
    while subprocess.run(asked, capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            # The program complains on the other stream of its log.
            logs = subprocess.run(
                ["docker", "logs", name],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            raise AssertionError(logs.stdout)
        time.sleep(0.5)


def _present_image(base: str) -> None:
    known = ["docker", "image", "inspect", IMAGE]
    if subprocess.run(known, capture_output=True, check=False).returncode:
        subprocess.run(
            ["docker", "build", "-q", "-t", IMAGE, "-"],
            input=_DOCKERFILE.format(base=base).encode(),
            env=os.environ | {"DOCKER_BUILDKIT": "0"},
            capture_output=True,
            check=True,
        )
