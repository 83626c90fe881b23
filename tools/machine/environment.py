"""The Python environment in venv/: exactly the pinned packages, and the project."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from machine.packages import install_packages
from machine.part import LeftToUser, Machine, State

INPUTS = ("requirements-dev.txt", "pyproject.toml")


@dataclass(frozen=True)
class Environment:
    """venv/ with requirements-dev.txt installed by hash."""

    machine: Machine
    name: str = "environment"
    needs: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.machine.repository / "venv"

    def state(self) -> State:
        if not (self.folder / "bin" / "python").exists():
            return State(False, "no venv/")
        if not self._stamp.is_file() or self._stamp.read_text() != self._wanted():
            return State(False, "venv/ is not what requirements-dev.txt says")
        return State(True, "venv/ as pinned")

    def install(self) -> None:
        python = self.folder / "bin" / "python"
        pip = [str(python), "-m", "pip"]
        # An interrupt may leave a Python alone: pip comes last.
        if self.machine.output([*pip, "--version"]) is None:
            self._create()
        pip += ["install", "--disable-pip-version-check"]
        pins = self.machine.repository / "requirements-dev.txt"
        self.machine.run([*pip, "--require-hashes", "-r", str(pins)], log="environment")
        # The build backend is one of the pinned packages: an isolated build would
        # fetch whatever version an index serves, with no hash.
        project = [*pip, "--no-deps", "--no-build-isolation"]
        self.machine.run(
            [*project, "-e", str(self.machine.repository)], log="environment"
        )
        self._stamp.write_text(self._wanted())

    def _create(self) -> None:
        create = [sys.executable, "-m", "venv", str(self.folder)]
        try:
            self.machine.run(create, log="environment")
        except LeftToUser:
            # Debian keeps what `venv` needs in a package of its own.
            package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            install_packages(
                self.machine,
                package,
                elsewhere="install Python's venv module and run this again",
            )
            self.machine.run([*create, "--clear"], log="environment")

    @property
    def _stamp(self) -> Path:
        return self.folder / "karstkit-pins"

    def _wanted(self) -> str:
        digest = hashlib.sha256()
        for name in INPUTS:
            digest.update((self.machine.repository / name).read_bytes())
        return digest.hexdigest()
