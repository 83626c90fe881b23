"""A GitLab CI job: folded sections in its log, files for reports and outputs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from karst.cli.step_files import PipelineJob
from karst.pipeline.step_job import Level
from karst.report.gitlab import open_section, render_sections, section_end
from karst.report.log_text import LogPart

# What later jobs get as variables: `artifacts:reports:dotenv` takes 5 KB, one line each.
DOTENV = "outputs.env"
_DOTENV_VALUE = 500
_WORDS: dict[Level, str] = {
    "error": "\x1b[31;1mERROR\x1b[0m",
    "warning": "\x1b[33;1mWARNING\x1b[0m",
    "notice": "\x1b[36;1mNOTE\x1b[0m",
}


@dataclass
class GitLabJob(PipelineJob):
    """Satisfies Job and Progress.

    The log is plain text but for sections, which are escape codes: those of others are
    taken out of every line.
    """

    _section: str = ""
    _count: int = 0
    _outputs: dict[str, str] = field(default_factory=dict)

    def open(self) -> None:
        # What a repository commits there would be variables of later jobs.
        stale = self.folder / DOTENV
        if stale.parent.resolve().is_relative_to(self.workspace.resolve()):
            stale.unlink(missing_ok=True)

    def close(self) -> None:
        self._end_section()
        super().close()

    # --- Progress ---

    def step(self, text: str) -> None:
        self._end_section()
        spent = time.monotonic() - self.began
        self._count += 1
        self._section = f"karst_{self._count}"
        title = self.clean(f"[{spent:6.1f}s] {text}")
        self.print(open_section(self._section, title, int(time.time())))

    def say(self, text: str) -> None:
        """Lines for the log, outside of any section."""
        self._end_section()
        self.print(self.shown(text))

    # --- Job ---

    def notice(self, level: Level, text: str, *, where: str = "") -> None:
        self._end_section()
        told = f"{where}: {text}" if where else text
        self.print(f"{_WORDS[level]} {self.shown(told)}")

    def log(self, parts: Sequence[LogPart]) -> None:
        self._end_section()
        now = int(time.time())
        self.print(self.clean(render_sections(parts, began=now, ended=now)))

    def summary(self, markdown: str) -> None:  # noqa: ARG002
        """GitLab has no page for it: the artifact and the log's sections have it all."""
        self.has_summary = True

    def output(self, name: str, value: str) -> None:
        if "\n" in value or len(value) > _DOTENV_VALUE:
            return
        self._outputs["KARST_" + name.upper().replace("-", "_")] = self.clean_output(
            value
        )
        text = "".join(f"{k}={v}\n" for k, v in sorted(self._outputs.items()))
        self.write(self.folder / DOTENV, text)

    def _end_section(self) -> None:
        if self._section:
            self.print(section_end(self._section, int(time.time())))
        self._section = ""
