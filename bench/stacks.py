"""Real stacks to measure: a folder with repos.yaml, and karst run in it as users do."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.running import Timed, run

PREFIX = "bench-"
# Fixed and virtual addresses have a quarter of the subnet each: a /24 is too small
# for 60 services.
_SUBNETS = (f"10.99.{16 * index}.0/20" for index in itertools.cycle(range(16)))


@dataclass(frozen=True)
class BenchStack:
    """One stack of a name, network and subnet of its own."""

    folder: Path
    name: str
    subnet: str

    @property
    def state_folder(self) -> Path:
        """Where karst keeps module, variables and state of this stack."""
        return self.folder / ".karst" / self.name

    def write(self, services: list[dict[str, Any]], **mesh: str) -> None:
        document = {
            "name": self.name,
            "services": services,
            "mesh": {"network": self.name, "subnet": self.subnet, **mesh},
        }
        text = yaml.safe_dump(document, sort_keys=False)
        (self.folder / "repos.yaml").write_text(text)

    def karst(self, *words: str, check: bool = True) -> Timed:
        argv = [sys.executable, "-m", "karst", *words]
        return run(argv, cwd=self.folder, check=check)

    def stages(self) -> dict[str, float]:
        """Plan and apply; the seconds of each stage of the apply."""
        document = json.loads(self.karst("apply", "--json").stdout)
        stages: dict[str, float] = document["stages"]
        return stages

    def variables(self) -> dict[str, Any]:
        """Terraform's variables as karst wrote them last."""
        text = (self.state_folder / "stack.tfvars.json").read_text()
        document: dict[str, Any] = json.loads(text)
        return document

    def release(self, service: str) -> Mapping[str, Any]:
        """The variables of the one release of a service."""
        for release in self.variables()["services"].values():
            if release["service"] == service:
                found: Mapping[str, Any] = release
                return found
        raise KeyError(service)

    def destroy(self) -> None:
        """Remove it with its CA: the next apply begins from nothing."""
        self.karst("destroy", "--yes", "--volumes", check=False)
        shutil.rmtree(self.folder / "secrets", ignore_errors=True)


@contextmanager
def bench_stack(part: str) -> Iterator[BenchStack]:
    """A stack that is gone at the end, whatever happened in between."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        stack = BenchStack(Path(folder), f"{PREFIX}{part}", next(_SUBNETS))
        try:
            yield stack
        finally:
            if (stack.folder / "repos.yaml").exists():
                stack.destroy()


def trivial_services(count: int, image: str, **first: Any) -> list[dict[str, Any]]:
    """Services of one image that needs no build; `first` is added to the first."""
    services: list[dict[str, Any]] = [
        {"image": image, "name": f"s{index}", "port": 8000} for index in range(count)
    ]
    services[0].update(first)
    return services
