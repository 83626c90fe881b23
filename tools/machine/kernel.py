"""Limits of the kernel that many sidecars on one machine run into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from machine.packages import is_debian
from machine.part import LeftToUser, Machine, State

# Envoy opens an inotify instance for every file that it watches for changes, all
# Envoys run under one uid, and the kernel's default of 128 is counted per uid: about
# fifteen sidecars use it up, and the next Envoy aborts at its start.
WANTED = {
    "fs.inotify.max_user_instances": 65536,
    "fs.inotify.max_user_watches": 131072,
}


@dataclass(frozen=True)
class KernelLimits:
    """Enough inotify instances for the Envoys of a whole stack."""

    machine: Machine
    name: str = "kernel-limits"
    needs: tuple[str, ...] = ()
    values: Path = Path("/proc/sys")
    kept: Path = Path("/etc/sysctl.d/60-karstkit.conf")
    wanted: Mapping[str, int] = field(default_factory=lambda: dict(WANTED))

    def state(self) -> State:
        # Another machine's engine has limits of its own, which can't be seen here.
        if self.machine.environ.get("DOCKER_HOST"):
            return State(True, "of the engine's machine: not looked at")
        if low := self._low():
            told = ", ".join(f"{name} is {value}" for name, value in low.items())
            return State(False, told)
        return State(True, ", ".join(f"{k} >= {v}" for k, v in self.wanted.items()))

    def install(self) -> None:
        low = self._low()
        settings = [f"{name}={self.wanted[name]}" for name in low]
        if not self.machine.root or not is_debian(self.machine):
            raise LeftToUser(f"run: sudo sysctl -w {' '.join(settings)}")
        try:
            self.kept.parent.mkdir(exist_ok=True)
            before = self.kept.read_text().splitlines() if self.kept.exists() else []
            lines = dict.fromkeys([*before, *settings])
            self.kept.write_text("".join(f"{line}\n" for line in lines))
            for name in low:
                self._file(name).write_text(f"{self.wanted[name]}\n")
        except OSError as error:
            raise LeftToUser(
                f"{error}; on the machine itself, run: sysctl -w {' '.join(settings)}"
            ) from error

    def _low(self) -> dict[str, int]:
        """The limits that are lower than wanted; those not there are not Linux's."""
        low = {}
        for name, wanted in self.wanted.items():
            try:
                value = int(self._file(name).read_text())
            except (OSError, ValueError):
                continue
            if value < wanted:
                low[name] = value
        return low

    def _file(self, name: str) -> Path:
        return self.values / name.replace(".", "/")
