"""A repository at a fake forge, with a stack that its pipeline deploys to this engine."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.desk import Desk

KEY = "receipt-canary-0123456789-0123456789"
_APP = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ANSWER")

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def app(answer: str = "first") -> str:
    return _APP.replace("ANSWER", answer)


@dataclass
class Pipelined:
    """One repository, and the stack `name` of its repos.yaml.

    Attributes:
        folder: where its runs have their workspaces.
    """

    desk: Desk
    folder: Path
    name: str
    network: str
    subnet: str

    def repos(self, *services: Any, **more: Any) -> str:
        """The text of a repos.yaml with these services."""
        document = {
            "name": self.name,
            "services": list(services),
            "mesh": {"network": self.network, "subnet": self.subnet},
            "state": {"backend": "target"},
        }
        return yaml.safe_dump(document | more)

    def checkout(self, revision: str) -> Path:
        workspace = Path(tempfile.mkdtemp(dir=self.folder, prefix="run-")) / "shop"
        git(self.folder, "clone", "-q", str(self.desk.git.folder), str(workspace))
        commit = self.desk.git.resolve(revision)
        assert commit
        git(workspace, "checkout", "-q", "-B", "main", commit)
        return workspace

    def containers(self) -> list[str]:
        """Names of the stack's containers."""
        label = f"--filter=label=karst.stack={self.name}"
        return sorted(docker("ps", "-a", "--format={{.Names}}", label).split())

    def left(self) -> list[str]:
        """Every container, volume and network of the stack or of one beside it."""
        label = '{{.Label "karst.stack"}} {{.Name'
        found = docker("ps", "-a", f"--format={label}s}}}}").splitlines()
        for kind in ("volume", "network"):
            found += docker(kind, "ls", f"--format={label}}}}}").splitlines()
        return [line for line in found if line.startswith(self.name)]

    def destroy(self) -> None:
        """Remove what the stack has, by its label: quicker than by the program."""
        label = f"--filter=label=karst.stack={self.name}"
        # Docker 20.10's client knows no --force for a network.
        for removal, listing in (
            (("rm", "--force"), ("ps", "-aq", label)),
            (("network", "rm"), ("network", "ls", "-q", label)),
            (("volume", "rm", "--force"), ("volume", "ls", "-q", label)),
        ):
            end = time.monotonic() + 120
            while listed := docker(*listing).split():
                # What goes by itself at this moment is refused, and holds its network.
                check = time.monotonic() > end
                docker(*removal, *listed, check=check)


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True)
