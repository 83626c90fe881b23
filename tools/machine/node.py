"""What tests need from npm, pinned by hash in tools/node/package-lock.json."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from machine.packages import install_packages
from machine.part import Machine, State

PINS = ("package.json", "package-lock.json")
BY_HAND = "install Node.js with npm and run this again"


@dataclass(frozen=True)
class NodePackages:
    """A `node_modules` with exactly the pinned packages.

    Its folder is named by the pins, because several checkouts share one cache.
    """

    machine: Machine
    name: str = "node-packages"
    needs: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(b"".join(self._pin(n).read_bytes() for n in PINS))
        return self.machine.cache / "node" / digest.hexdigest()[:12]

    def state(self) -> State:
        if not (self.folder / "node_modules").is_dir():
            return State(False, f"no {self.folder / 'node_modules'}")
        # npm writes this one last: half an installation does not have it.
        done = self.folder / "node_modules" / ".package-lock.json"
        if not done.is_file():
            return State(False, f"{self.folder} is incomplete")
        return State(True, "npm packages as pinned")

    def install(self) -> None:
        if not self.machine.which("npm"):
            install_packages(self.machine, "npm", elsewhere=BY_HAND)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in PINS:
            shutil.copyfile(self._pin(name), self.folder / name)
        # A package's own scripts fetch from elsewhere, and nobody pinned that.
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        self.machine.run(command, log="node", cwd=self.folder)
        # Nine tenths of all bytes: the same descriptions once more, without references.
        for path in self.folder.glob("node_modules/@octokit/openapi/*/*.deref.json"):
            path.unlink()

    def _pin(self, name: str) -> Path:
        return self.machine.repository / "tools" / "node" / name
