"""What every pipeline's job does with its files, and how nothing secret gets out."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from karst.cli.output import PlainProgress, write_on
from karst.effects.workspace import atomic_write
from karst.errors import ConfigError
from karst.pipeline.step_job import Job
from karst.report.escaping import log_line
from karst.report.withheld import withhold
from karst.secret import Secret, redact

ARTIFACT_BYTES = 8_000_000
_LONGEST_LINE = 4000
_T = TypeVar("_T")
_CUT = "\n\n*What follows is cut: the artifact has it.*\n"
_PLACE = re.compile(r"(?P<file>[^:\s][^:]{0,500}):(?P<line>[0-9]{1,7})(?:\s|$)")
# Shorter ones would mask parts of ordinary words, and everything with a "1" in it.
SHORTEST_MASK = 4


@dataclass
class PipelineJob(PlainProgress, Job, ABC):
    """The part of a Job that is the same everywhere.

    Attributes:
        folder: where artifacts go, below the workspace.
        secrets: what nothing that is written may hold.
        has_summary: whether anything was told on the job's page.
    """

    environ: Mapping[str, str]
    workspace: Path
    folder: Path
    secrets: tuple[Secret, ...] = ()
    has_summary: bool = False
    _printing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    began: float = field(default_factory=time.monotonic)

    def open(self) -> None:
        """Before anything is told."""

    def close(self) -> None:
        """After everything is told."""

    def hand_over(self) -> None:
        """Give what is left in the workspace to its owner, however the step ends."""
        own = self.workspace / ".karst"
        if own.is_dir() and not own.is_symlink():
            self._chown(own)
            for folder, folders, files in os.walk(own):
                for name in (*folders, *files):
                    self._chown(Path(folder, name))

    def mask(self, secrets: tuple[Secret, ...]) -> None:
        """Keep these out of everything that is written: each of their lines as well,
        also as other programs write it."""
        maskable = (s for s in secrets if len(s.reveal()) >= SHORTEST_MASK)
        lines = (Secret(n) for s in secrets for n in _forms(mask_lines(s)))
        self.secrets = (*self.secrets, *maskable, *lines)

    @abstractmethod
    def say(self, text: str) -> None:
        """Lines for the log, outside of any group."""

    def line(self, text: str) -> None:
        self.print(self.shown(text))

    def artifact(self, name: str, text: str) -> str:
        path = self.folder / name
        self.write(path, bounded(self.clean(text), ARTIFACT_BYTES))
        return str(path.relative_to(self.workspace))

    def write(self, path: Path, text: str) -> None:
        """Write a file below the artifact folder, which no link leads out of."""
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
        atomic_write(path, text)
        self.give_away(path)

    def give_away(self, path: Path) -> None:
        """Hand a file over to the workspace's owner, with the folders that lead to it:
        the step is root, the runner is not, and has to clean up."""
        for part in (path, *path.parents):
            if part == self.workspace or not part.is_relative_to(self.workspace):
                break
            self._chown(part)

    def place(self, where: str) -> tuple[str, int]:
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

    def shown(self, text: str) -> str:
        """Lines for the log, in which nobody's text hides or colours anything."""
        lines = self.clean(text).splitlines()
        return "\n".join(log_line(line, _LONGEST_LINE) for line in lines)

    def clean(self, text: str) -> str:
        return redact(text, self.secrets)

    def clean_output(self, value: str) -> str:
        """An output; karst's own words stay, whatever somebody's secret is."""
        return value if value in ("true", "false") else self.clean(value)

    def withhold(self, value: _T) -> _T:
        return withhold(value, self.secrets)

    def print(self, *texts: str) -> None:
        """Print these, with nobody else's line between them."""
        with self._printing:
            for text in texts:
                write_on(text, sys.stdout)

    def _chown(self, path: Path) -> None:
        owner = self.workspace.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            # A fetch that nobody waits for any more may still clear up after itself.
            with suppress(FileNotFoundError):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def mask_lines(secret: Secret) -> tuple[str, ...]:
    """What of a secret is hidden by itself: a log has a key line by line."""
    lines = (line.strip() for line in secret.reveal().splitlines())
    return tuple(n for n in lines if len(n) >= SHORTEST_MASK and "-----" not in n)


def _forms(lines: tuple[str, ...]) -> Iterator[str]:
    """How Terraform, JSON, an address and XML write a line."""
    for line in lines:
        quoted = json.dumps(line, ensure_ascii=False)[1:-1]
        yield from (line, quoted, json.dumps(line)[1:-1])
        yield quoted.replace("${", "$${").replace("%{", "%%{")
        yield from (quote(line, safe=""), escape(line))


def bounded(text: str, room: int) -> str:
    """The text, or as many of its lines as `room` bytes hold, and a note that it is so."""
    raw = text.encode()
    if len(raw) <= room:
        return text
    kept = raw[: max(0, room - len(_CUT.encode()))].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + _CUT if room > len(_CUT) else ""
