"""A GitHub Actions job: workflow commands on stdout, files for summary and outputs."""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from karst.cli.step_files import PipelineJob, bounded, mask_lines
from karst.pipeline.step_job import Level
from karst.report.github import defuse, render_annotation, render_groups
from karst.report.log_text import LogPart
from karst.secret import Secret

# GitHub drops a summary above 1 MiB whole.
SUMMARY_BYTES = 1_000_000
# The runner passes outputs on as variables, which the kernel limits to 128 KiB each.
OUTPUT_BYTES = 100_000


@dataclass
class GitHubJob(PipelineJob):
    """Satisfies Job and Progress.

    While it is open the runner obeys no workflow command but this object's own: a
    repository's name or a log line could otherwise give it some.
    """

    _stop: str = field(default_factory=lambda: random.token_hex(16))
    _grouped: bool = False

    def open(self) -> None:
        self.print(f"::stop-commands::{self._stop}")

    def close(self) -> None:
        self._end_group()
        self.print(f"::{self._stop}::")

    def mask(self, secrets: tuple[Secret, ...]) -> None:
        """Have the runner hide these, line by line; files are kept free of them, too."""
        super().mask(secrets)
        for secret in secrets:
            for line in mask_lines(secret):
                self._obeyed(f"::add-mask::{_escaped(line)}")

    # --- Progress ---

    def step(self, text: str) -> None:
        self._end_group()
        spent = time.monotonic() - self.began
        self._command("group", self.shown(f"[{spent:6.1f}s] {text}"))
        self._grouped = True

    def say(self, text: str) -> None:
        """Lines for the log, outside of any group."""
        self._end_group()
        self.print(self.shown(text))

    def shown(self, text: str) -> str:
        # "##[error]" is no command here, but GitHub's page draws it like one.
        return defuse(super().shown(text))

    # --- Job ---

    def notice(self, level: Level, text: str, *, where: str = "") -> None:
        self._end_group()
        file, line = self.place(where)
        told = text if file or not where else f"{where}: {text}"
        self._obeyed(
            render_annotation(
                level, self.clean(told), file=file, line=line, title="KarstKit"
            )
        )

    def log(self, parts: Sequence[LogPart]) -> None:
        self._end_group()
        # Groups are commands, and what stands in them is none any more.
        self._obeyed(self.clean(render_groups(parts)))

    def summary(self, markdown: str) -> None:
        self.has_summary = True
        path = self.environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        room = SUMMARY_BYTES - _size(path)
        text = bounded(self.clean(markdown) + "\n", room)
        self._append(path, text)

    def output(self, name: str, value: str) -> None:
        path = self.environ.get("GITHUB_OUTPUT")
        if not path:
            return
        mark = f"karst-{random.token_hex(16)}"
        text = bounded(self.clean_output(value), OUTPUT_BYTES)
        self._append(path, f"{name}<<{mark}\n{text}\n{mark}\n")

    # --- the rest ---

    def _append(self, path: str, text: str) -> None:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)

    def _end_group(self) -> None:
        if self._grouped:
            self._command("endgroup", "")
        self._grouped = False

    def _command(self, name: str, value: str) -> None:
        # One line: what follows a line's end would be a command of its own.
        self._obeyed(f"::{name}::{_escaped(' '.join(value.split()))}")

    def _obeyed(self, command: str) -> None:
        """Print commands while the runner listens, and only them."""
        stop = self._stop
        self.print(f"::{stop}::", command, f"::stop-commands::{stop}")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
