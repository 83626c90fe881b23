"""What a part of the machine is, and the machine that parts are looked for on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol


@dataclass(frozen=True)
class State:
    """Whether a part is there, and one line about it."""

    present: bool
    line: str


class Part(Protocol):
    """One thing that a machine needs."""

    @property
    def name(self) -> str:
        """A word for it, as `--only` takes it."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The parts that must be present before this one is installed."""

    def state(self) -> State:
        """Look, change nothing."""

    def install(self) -> None:
        """Make the part present; raises LeftToUser."""


class LeftToUser(Exception):
    """The part can't be installed here; the text is what the user should do."""


@dataclass(frozen=True)
class Machine:
    """The computer, its user, and the folder for what is installed beside the system.

    Attributes:
        environ: the variables of the caller, given to every program.
        cache: the folder for downloads, built programs and logs.
        repository: the project's own folder.
        os_release: the keys of /etc/os-release.
        root: whether the user may change the system.
    """

    environ: Mapping[str, str]
    cache: Path
    repository: Path
    os_release: Mapping[str, str]
    root: bool

    def which(self, program: str) -> str | None:
        """Return the program's path; the cache's own folder comes last."""
        path = self.environ.get("PATH", "") + os.pathsep + str(self.cache / "bin")
        return shutil.which(program, path=path)

    def output(self, argv: list[str], *, timeout: float = 120) -> str | None:
        """Return what a program printed, or None where it failed or is not there."""
        try:
            done = subprocess.run(
                argv,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    def run(
        self,
        argv: list[str],
        *,
        log: str,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        stdin: IO[bytes] | None = None,
        timeout: float = 1800,
    ) -> None:
        """Run a program with its output in `cache/log/<log>.log`.

        Raises LeftToUser with the command and the last lines where it fails.
        """
        path = self.cache / "log" / f"{log}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        code = "no answer in time"
        with path.open("ab") as out:
            try:
                done = subprocess.run(
                    argv,
                    env={**self.environ, **(environ or {})},
                    cwd=cwd,
                    stdin=stdin or subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                pass
            except OSError as error:
                code = str(error)
            else:
                if done.returncode == 0:
                    return
                code = f"exit status {done.returncode}"
        tail = path.read_text(errors="replace").splitlines()[-8:]
        told = "\n".join(["  | " + line for line in tail])
        raise LeftToUser(f"{' '.join(argv)}: {code}; log: {path}\n{told}")


def read_os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return the keys of os-release(5); empty where there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
