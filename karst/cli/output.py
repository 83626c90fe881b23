"""What a person sees: steps and lines on stderr, reports on stdout."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any, TextIO

from karst.effects.workspace import is_disk_full
from karst.errors import DiskFullError
from karst.report.escaping import plain_lines
from karst.secret import Secret, redact


class ReaderGoneError(Exception):
    """Whoever read the output has seen enough (`karst logs | head`)."""


def write(text: str, stream: TextIO) -> None:
    """Print a line; raises ReaderGoneError where nobody reads any more.

    From then on the stream leads nowhere, or Python would fail once more at its end.
    """
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _lead_nowhere(stream)
        raise ReaderGoneError from None
    except OSError as error:
        if not is_disk_full(error):
            raise
        _lead_nowhere(stream)
        raise DiskFullError(
            "what is told can't be written: there is no room left",
            where=getattr(stream, "name", "the output"),
            remedy="send the output elsewhere; what was done is done",
        ) from None


def write_on(text: str, stream: TextIO) -> None:
    """Print a line; a run does not end for a reader that has."""
    try:
        write(text, stream)
    except ReaderGoneError:
        return


def _lead_nowhere(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class PlainProgress:
    """A line per step, for logs and pipes."""

    def __init__(
        self, secrets: tuple[Secret, ...] = (), *, verbose: bool = False
    ) -> None:
        self._secrets = secrets
        self._verbose = verbose
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        spent = time.monotonic() - self._began
        self._write(f"[{spent:6.1f}s] {text}")

    def line(self, text: str) -> None:
        if self._verbose:
            self._write(f"          {text}")

    def close(self) -> None:
        """Nothing to take down."""

    def _write(self, text: str) -> None:
        write_on(plain_lines(redact(text, self._secrets)), sys.stderr)


class TerminalProgress(PlainProgress):
    """A bar with the current step and the last line under way; steps stay above it."""

    def __init__(
        self, secrets: tuple[Secret, ...] = (), *, verbose: bool = False
    ) -> None:
        super().__init__(secrets, verbose=verbose)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._lock = threading.Lock()
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[line]}", markup=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: Any = None

    def step(self, text: str) -> None:
        with self._lock:
            if self._task is None:
                self._bar.start()
            else:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(_plain(text), total=None, line="")
        super().step(text)

    def line(self, text: str) -> None:
        super().line(text)
        with self._lock:
            if self._task is not None:
                shown = plain_lines(redact(text, self._secrets))[:60]
                self._bar.update(self._task, line=_plain(shown))

    def close(self) -> None:
        self._bar.stop()

    def _write(self, text: str) -> None:
        self._bar.console.print(
            plain_lines(redact(text, self._secrets)), markup=False, highlight=False
        )


class QuietProgress(PlainProgress):
    """Nothing under way is told; reports and failures are, as ever."""

    def step(self, text: str) -> None: ...

    def line(self, text: str) -> None: ...


def _plain(text: str) -> str:
    """Square brackets of others' text are no markup."""
    return text.replace("[", "\\[")


def open_progress(
    secrets: tuple[Secret, ...], *, interactive: bool, level: str
) -> PlainProgress:
    """What tells the steps ("INFO"), every line too ("DEBUG"), or neither (above)."""
    if level not in ("DEBUG", "INFO"):
        return QuietProgress(secrets)
    kind = TerminalProgress if interactive else PlainProgress
    return kind(secrets, verbose=level == "DEBUG")


def print_document(document: Any) -> None:
    """A report for programs, on stdout."""
    write_on(json.dumps(document, indent=2, sort_keys=True), sys.stdout)


def say(text: str) -> None:
    """A report for people, on stdout."""
    write_on(plain_lines(text), sys.stdout)


def stream(text: str) -> None:
    """A line of what may never end; raises ReaderGoneError."""
    write(plain_lines(text), sys.stdout)
