"""The Docker engine, and a client that can drive its BuildKit."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from machine.packages import has_candidate, install_packages, is_debian
from machine.part import LeftToUser, Machine, State

START_SECONDS = 180
VENDOR = "install Docker Engine as docs.docker.com/engine/install says"
# From this client on, BuildKit is a plugin (buildx) and no longer built in.
PLUGIN_SINCE = 23


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers."""

    machine: Machine
    name: str = "engine"
    needs: tuple[str, ...] = ()

    def state(self) -> State:
        if not self.machine.which("docker"):
            return State(False, "no docker client on PATH")
        version = self.machine.output(
            ["docker", "version", "--format", "{{.Server.Version}}"]
        )
        if version:
            return State(True, f"Docker engine {version}")
        where = self.machine.environ.get("DOCKER_HOST", "the local socket")
        return State(False, f"no Docker engine answers at {where}")

    def install(self) -> None:
        machine = self.machine
        if host := machine.environ.get("DOCKER_HOST"):
            raise LeftToUser(
                f"start the engine that DOCKER_HOST names ({host}), or unset it"
            )
        if not machine.which("dockerd") or not machine.which("docker"):
            install_packages(machine, "docker.io", "iptables", elsewhere=VENDOR)
        elif not machine.root:
            raise LeftToUser(
                "run: sudo systemctl start docker (and, where that is not enough: "
                'sudo usermod -aG docker "$USER", then log in again)'
            )
        if not self.state().present:
            self._start()

    def _start(self) -> None:
        if Path("/run/systemd/system").is_dir():
            self.machine.run(["systemctl", "start", "docker"], log="engine")
        else:
            self._start_without_init()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.state().present:
                return
            time.sleep(0.5)
        raise LeftToUser(
            f"dockerd was started but gave no answer in {START_SECONDS} s; "
            f"log: {self._log}\n{_last_lines(self._log)}"
        )

    def _start_without_init(self) -> None:
        for path, program in (
            (Path("/run/docker.pid"), "dockerd"),
            (Path("/run/docker/containerd/containerd.pid"), "containerd"),
        ):
            forget_stale_pid(path, program)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            subprocess.Popen(
                ["dockerd"],
                env=dict(self.machine.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def _log(self) -> Path:
        return self.machine.cache / "log" / "dockerd.log"


def forget_stale_pid(path: Path, program: str) -> None:
    """Remove a pid file whose process is gone or has become another program.

    Where /run outlives a reboot, dockerd takes any process with the old number for
    its own containerd and waits for it for ever.
    """
    try:
        pid = int(path.read_text())
        running = Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        running = ""
    if running != program:
        path.unlink(missing_ok=True)


def _last_lines(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-5:]
    return "\n".join("  | " + line for line in lines)


@dataclass(frozen=True)
class BuildKitClient:
    """A client that builds with BuildKit: buildx, or one old enough to do it itself."""

    machine: Machine
    name: str = "buildkit"
    needs: tuple[str, ...] = ()

    def state(self) -> State:
        command = buildkit_command(self.machine)
        if command is None:
            return State(False, "no buildx, and no client with BuildKit of its own")
        if "buildx" in command:
            said = self.machine.output([*command[:2], "version"]) or ""
            return State(True, f"buildx {' '.join(said.split()[1:2])}")
        version = self.machine.output([command[0], "--version"])
        return State(True, f"BuildKit in {version}")

    def install(self) -> None:
        names = ("docker-buildx", "docker-buildx-plugin")
        usable = [n for n in names if has_candidate(self.machine, n)]
        # Debian 12 has no buildx, but a client that needs none.
        package = usable[0] if usable else "docker.io"
        install_packages(self.machine, package, elsewhere=VENDOR + " (with buildx)")
        if not self.state().present:
            hint = "docker-buildx" if is_debian(self.machine) else "buildx"
            raise LeftToUser(f"{package} brought no BuildKit; install {hint} by hand")


def buildkit_command(machine: Machine) -> list[str] | None:
    """Return the words that begin a build with BuildKit (DOCKER_BUILDKIT=1), or None."""
    if machine.output(["docker", "buildx", "version"]):
        return ["docker", "buildx", "build", "--load"]
    for client in ("docker", "/usr/bin/docker"):
        if builds_by_itself(machine.output([client, "--version"]) or ""):
            return [client, "build"]
    return None


def builds_by_itself(version: str) -> bool:
    """Whether `docker --version` names a client with BuildKit built in.

    >>> builds_by_itself("Docker version 20.10.24+dfsg1, build 297e128")
    True
    """
    words = version.split()
    if words[:2] != ["Docker", "version"] or len(words) < 3:
        return False
    major = words[2].split(".")[0]
    return major.isdigit() and 18 < int(major) < PLUGIN_SINCE
