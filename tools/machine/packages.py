"""Debian's packages: installed where that is safe, else the command to run."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from machine.part import LeftToUser, Machine, State


def is_debian(machine: Machine) -> bool:
    """Whether Debian's package tools rule this system (Debian, Ubuntu, Mint...)."""
    families = {
        machine.os_release.get("ID", ""),
        *machine.os_release.get("ID_LIKE", "").split(),
    }
    return bool(families & {"debian", "ubuntu"}) and bool(machine.which("apt-get"))


def install_packages(machine: Machine, *names: str, elsewhere: str) -> None:
    """Install Debian packages; raises LeftToUser with the command otherwise."""
    if not is_debian(machine):
        raise LeftToUser(elsewhere)
    command = ["apt-get", "install", "-y", "--no-install-recommends", *names]
    if not machine.root:
        raise LeftToUser(f"run: sudo {' '.join(command)}")
    _with_lists(machine, command)


def _with_lists(machine: Machine, command: list[str], cwd: Path | None = None) -> None:
    """Run apt; where it fails, once more with new lists, which take root."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        machine.run(command, log="apt", cwd=cwd, environ=quiet)
    except LeftToUser:
        if not machine.root:
            raise
        # A fresh machine has no package lists, an old one has stale ones.
        machine.run(["apt-get", "update"], log="apt", environ=quiet)
        machine.run(command, log="apt", cwd=cwd, environ=quiet)


def has_candidate(machine: Machine, name: str) -> bool:
    """Whether the package can be had from the lists at hand."""
    said = machine.output(["apt-cache", "policy", name]) or ""
    return any(
        line.strip().startswith("Candidate:") and "(none)" not in line
        for line in said.splitlines()
    )


@dataclass(frozen=True)
class Git:
    """git, by which refs of local repositories are read."""

    machine: Machine
    name: str = "git"
    needs: tuple[str, ...] = ()

    def state(self) -> State:
        version = self.machine.output(["git", "--version"])
        return State(version is not None, version or "no git on PATH")

    def install(self) -> None:
        install_packages(
            self.machine, "git", elsewhere="install git and run this again"
        )


@dataclass(frozen=True)
class Program:
    """A program that Debian packs under its own name, for tests and measurements."""

    machine: Machine
    name: str
    needs: tuple[str, ...] = ()

    def state(self) -> State:
        path = self.machine.which(self.name)
        return State(path is not None, str(path or f"no {self.name} on PATH"))

    def install(self) -> None:
        install_packages(
            self.machine,
            self.name,
            elsewhere=f"install {self.name} and run this again",
        )


class Unpacked(Program):
    """A program out of a Debian package that would start a service if installed."""

    def install(self) -> None:
        """Put the program alone beside the system; raises LeftToUser."""
        if not is_debian(self.machine):
            raise LeftToUser(f"install {self.name} and run this again")
        with tempfile.TemporaryDirectory() as folder:
            # Run as root, apt fetches as a user who must be let into the folder.
            Path(folder).chmod(0o755)
            download = ["apt-get", "download", self.name]
            _with_lists(self.machine, download, Path(folder))
            unpack = ["dpkg-deb", "--extract", *map(str, Path(folder).glob("*.deb"))]
            self.machine.run([*unpack, folder], log="apt")
            bin_folder = self.machine.cache / "bin"
            bin_folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder, "usr/bin", self.name), bin_folder / self.name)
