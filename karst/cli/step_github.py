"""A GitHub Actions job: workflow commands on stdout, files for summary and outputs."""

from __future__ import annotations

import os
import re
import secrets as random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from karst.cli.output import PlainProgress
from karst.effects.workspace import atomic_write
from karst.errors import ConfigError
from karst.pipeline.step_job import Level
from karst.report.github import render_annotation
from karst.secret import Secret, redact

# GitHub drops a summary above 1 MiB whole.
SUMMARY_BYTES = 1_000_000
ARTIFACT_BYTES = 8_000_000
# The runner passes outputs on as variables, which the kernel limits to 128 KiB each.
OUTPUT_BYTES = 100_000
_CUT = "\n\n*What follows is cut: the artifact has it.*\n"
_PLACE = re.compile(r"(?P<file>[^:\s][^:]{0,500}):(?P<line>[0-9]{1,7})(?:\s|$)")
# Shorter ones would mask parts of ordinary words, and everything with a "1" in it.
_SHORTEST_MASK = 4


@dataclass
class GitHubJob(PlainProgress):
    """Satisfies Job and Progress.

    While it is open the runner obeys no workflow command but this object's own: a
    repository's name or a log line could otherwise give it some.
    """

    environ: Mapping[str, str]
    workspace: Path
    folder: Path
    secrets: tuple[Secret, ...] = ()
    _stop: str = field(default_factory=lambda: random.token_hex(16))
    _grouped: bool = False
    _began: float = field(default_factory=time.monotonic)

    def open(self) -> None:
        self._print(f"::stop-commands::{self._stop}")

    def close(self) -> None:
        self._end_group()
        own = self.workspace / ".karst"
        if own.is_dir() and not own.is_symlink():
            for path in (own, *own.rglob("*")):
                self._chown(path)
        self._print(f"::{self._stop}::")

    def mask(self, secrets: tuple[Secret, ...]) -> None:
        """Have the runner hide these, line by line; files are kept free of them, too."""
        self.secrets = (*self.secrets, *(s for s in secrets if _is_maskable(s)))
        for secret in secrets:
            for line in secret.reveal().splitlines():
                if len(line.strip()) >= _SHORTEST_MASK and "-----" not in line:
                    self._obeyed(f"::add-mask::{_escaped(line.strip())}")

    # --- Progress ---

    def step(self, text: str) -> None:
        self._end_group()
        spent = time.monotonic() - self._began
        self._command("group", self._clean(f"[{spent:6.1f}s] {text}"))
        self._grouped = True

    def line(self, text: str) -> None:
        self._print(self._clean(text))

    def say(self, text: str) -> None:
        """Lines for the log, outside of any group."""
        self._end_group()
        self._print(self._clean(text))

    # --- Job ---

    def notice(self, level: Level, text: str, *, where: str = "") -> None:
        self._end_group()
        file, line = self._place(where)
        told = text if file or not where else f"{where}: {text}"
        self._obeyed(
            render_annotation(
                level, self._clean(told), file=file, line=line, title="KarstKit"
            )
        )

    def _place(self, where: str) -> tuple[str, int]:
        """The workspace's own file and line that `where` begins with, or ("", 0)."""
        found = _PLACE.match(where)
        if not found:
            return "", 0
        path = Path(os.path.normpath(self.workspace / found["file"]))
        inside = path.is_relative_to(self.workspace) and path.is_file()
        return (
            (str(path.relative_to(self.workspace)), int(found["line"]))
            if inside
            else ("", 0)
        )

    def summary(self, markdown: str) -> None:
        path = self.environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        room = SUMMARY_BYTES - _size(path)
        text = _bounded(self._clean(markdown) + "\n", room)
        self._append(path, text)

    def output(self, name: str, value: str) -> None:
        path = self.environ.get("GITHUB_OUTPUT")
        if not path:
            return
        mark = f"karst-{random.token_hex(16)}"
        text = _bounded(self._clean(value), OUTPUT_BYTES)
        self._append(path, f"{name}<<{mark}\n{text}\n{mark}\n")

    def artifact(self, name: str, text: str) -> str:
        path = self.folder / name
        for part in path.parents:
            if part == self.workspace:
                break
            if part.is_symlink():
                raise ConfigError(
                    "the artifact folder leads elsewhere by a link",
                    where=str(part),
                    remedy="remove the link; karst makes the folder itself",
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, _bounded(self._clean(text), ARTIFACT_BYTES))
        self.give_away(path)
        return str(path.relative_to(self.workspace))

    # --- the rest ---

    def give_away(self, path: Path) -> None:
        """Hand a file over to the workspace's owner, with the folders that lead to it:
        the step is root, the runner is not, and has to clean up."""
        for part in (path, *path.parents):
            if part == self.workspace or not part.is_relative_to(self.workspace):
                break
            self._chown(part)

    def _chown(self, path: Path) -> None:
        owner = self.workspace.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _append(self, path: str, text: str) -> None:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)

    def _clean(self, text: str) -> str:
        return redact(text, self.secrets)

    def _end_group(self) -> None:
        if self._grouped:
            self._command("endgroup", "")
        self._grouped = False

    def _command(self, name: str, value: str) -> None:
        # One line: what follows a line's end would be a command of its own.
        self._obeyed(f"::{name}::{' '.join(value.split())}")

    def _obeyed(self, command: str) -> None:
        """Print a command while the runner listens, and only it."""
        self._print(f"::{self._stop}::")
        self._print(command)
        self._print(f"::stop-commands::{self._stop}")

    def _print(self, text: str) -> None:
        print(text, file=sys.stdout, flush=True)


def _is_maskable(secret: Secret) -> bool:
    return len(secret.reveal()) >= _SHORTEST_MASK


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _bounded(text: str, room: int) -> str:
    """The text, or as many of its lines as `room` bytes hold, and a note that it is so."""
    raw = text.encode()
    if len(raw) <= room:
        return text
    kept = raw[: max(0, room - len(_CUT.encode()))].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + _CUT if room > len(_CUT) else ""


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
