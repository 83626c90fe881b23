"""Real stacks for tests: real engine, Terraform, provider, Envoy; all removed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.networks import free_subnet


@dataclass
class LiveStack:
    """A folder with a repos.yaml, and the program run in it as its user would."""

    folder: Path
    name: str
    network: str
    subnet: str
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, services: list[dict[str, Any]], **mesh: Any) -> None:
        """Write repos.yaml with these services; the mesh's network is the test's own."""
        document = {
            "name": self.name,
            "services": services,
            "mesh": {"network": self.network, "subnet": self.subnet, **mesh},
        }
        (self.folder / "repos.yaml").write_text(yaml.safe_dump(document))

    def app(self, name: str, text: str, file: str = "main.py", **files: str) -> str:
        """Write a service's folder; returns its slug."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / file).write_text(text)
        for other, content in files.items():
            (folder / other.replace("__", ".")).write_text(content)
        return f"file:./{name}"

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `karst WORDS`; the outcome with its exit code, never raises for it."""
        return subprocess.run(
            [sys.executable, "-m", "karst", *words],
            cwd=self.folder,
            env={**os.environ, **self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *words: str, **environ: str) -> str:
        """Run `karst WORDS`, which must succeed; returns its standard output."""
        outcome = self.run(*words, **environ)
        assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
        return outcome.stdout

    def json(self, *words: str, **environ: str) -> Any:
        """Run `karst WORDS --json`, which must succeed; returns the document."""
        return json.loads(self.ok(*words, "--json", **environ))

    def containers(self, role: str = "", service: str = "") -> list[dict[str, Any]]:
        """`docker inspect` of the stack's containers, by name."""
        words = [f"karst.stack={self.name}"]
        words += [f"karst.role={role}"] if role else []
        words += [f"karst.service={service}"] if service else []
        filters = [f"--filter=label={w}" for w in words]
        # One that goes between the two looks takes another pair of them.
        while ids := docker("ps", "-aq", "--no-trunc", *filters).split():
            found = json.loads(docker("inspect", *ids, check=False))
            if len(found) == len(ids):
                return sorted(found, key=lambda c: str(c["Name"]))
        return []

    def container(self, role: str, service: str) -> dict[str, Any]:
        """The one container of this role and service."""
        (found,) = self.containers(role, service)
        return found


def docker(*words: str, check: bool = True) -> str:
    """Run the docker client; returns its standard output."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


MakeStack = Callable[[], LiveStack]


@pytest.fixture(scope="module")
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Make stacks of their own name, network and subnet; destroyed with the module."""
    made: list[LiveStack] = []

    def make() -> LiveStack:
        tag = uuid.uuid4().hex[:6]
        stack = LiveStack(
            folder=tmp_path_factory.mktemp(f"stack-{tag}"),
            name=f"t{tag}",
            network=f"karsttest-{tag}",
            subnet=free_subnet(),
        )
        made.append(stack)
        return stack

    yield make
    for stack in made:
        if (stack.folder / "repos.yaml").exists():
            stack.run("destroy", "--yes", "--volumes")
