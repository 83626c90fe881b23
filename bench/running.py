"""Child processes that are timed, and that end before what they made is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 60.0


class BenchError(Exception):
    """A part can't be measured; the text is for people."""


@dataclass(frozen=True)
class Timed:
    """What a command printed, its exit code, and the seconds it took."""

    stdout: str
    stderr: str
    code: int
    seconds: float


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Timed:
    """Run a command to its end; raises BenchError with its last lines where it fails.

    An interrupt is handed on, and the child may still undo what it was doing: karst
    and Terraform write their state then.
    """
    began = time.monotonic()
    child = subprocess.Popen(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate()
    except BaseException:
        child.send_signal(signal.SIGINT)
        try:
            child.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        raise
    seconds = time.monotonic() - began
    if check and child.returncode:
        last = "\n".join(f"{stdout}\n{stderr}".strip().splitlines()[-15:])
        raise BenchError(f"{' '.join(map(str, argv))}: {child.returncode}\n{last}")
    return Timed(stdout, stderr, child.returncode, seconds)
