"""A program that runs beside karst, and never longer.

Its standard input is a pipe of which karst alone has the other end. However karst ends,
the kernel closes that end, and a program that reads its input to the end is over, too.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO

from karst.command import Command
from karst.effects.process import Processes, child_environment

_KEPT_LINES = 40
# What an ended program has said is in its pipes; a child of it may hold them open.
_DRAIN_SECONDS = 10.0


class Companion:
    """One running program. `start` it; `close` it when it has served."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._said: list[str] = []
        pipes = ((process.stdout, self._lines.put), (process.stderr, self._keep))
        self._threads = [
            threading.Thread(target=_read, args=pipe, daemon=True) for pipe in pipes
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def start(cls, processes: Processes, command: Command) -> Companion:
        """Start `command`; raises ToolMissingError where there is no such program."""
        program = processes.find_program(command.argv[0])
        process = subprocess.Popen(
            [str(program), *command.argv[1:]],
            env={**child_environment(processes.environ), **command.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # ^C on a terminal is karst's to answer: cleaning up needs the companion.
            start_new_session=True,
        )
        return cls(process)

    def line(self, prefix: str, seconds: float) -> str | None:
        """The next line of output that begins with `prefix`; None where none comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = not self.running
            if ended:
                self._threads[0].join(_DRAIN_SECONDS)
            try:
                line = self._lines.get(timeout=0.1)
            except queue.Empty:
                if ended:
                    return None
                continue
            if line.startswith(prefix):
                return line
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def complaints(self, expected: str = "", seconds: float = 0.0) -> str:
        """The last lines of its standard error.

        One that still runs is given `seconds` to say what holds `expected`: what it
        does and what it says about it come here by two ways.
        """
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            if any(expected in line for line in tuple(self._said)):
                break
            time.sleep(0.02)
        if not self.running:
            self._threads[1].join(_DRAIN_SECONDS)
        return "\n".join(self._said[-_KEPT_LINES:])

    def close(self) -> None:
        """End it: by the end of its input, then by signals."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        for patience, number in ((1.0, signal.SIGTERM), (4.0, signal.SIGKILL)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                break
            self._process.send_signal(number)
        self._process.wait()
        for thread in self._threads:
            thread.join(1.0)

    def _keep(self, line: str) -> None:
        self._said.append(line)
        del self._said[:-_KEPT_LINES]


def _read(pipe: IO[str], take: Callable[[str], None]) -> None:
    # Who reads it closes it: anybody else would wait for that, and a child of the
    # program's may hold it open.
    with pipe:
        for line in pipe:
            take(line.rstrip("\r\n"))
