"""Where a pipeline's step writes what it has to say; each forge's job does it its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar

from karst.report.log_text import LogPart

Level = Literal["error", "warning", "notice"]


_T = TypeVar("_T")


class Job(Protocol):
    """One job of a pipeline. Everything written is free of the run's secrets."""

    def withhold(self, value: _T) -> _T:
        """The same text, or report, without the run's secrets: for what is written
        elsewhere, such as a comment."""
        ...

    def notice(self, level: Level, text: str, *, where: str = "") -> None:
        """Say it on the job's page; `where` may be `FILE:LINE ...`."""
        ...

    def log(self, parts: Sequence[LogPart]) -> None:
        """Say a plan or a run in the job's log, folded where all is well."""
        ...

    def summary(self, markdown: str) -> None:
        """Add to the job's summary; what is over its limit is cut, and said."""
        ...

    def output(self, name: str, value: str) -> None:
        """Set an output of the step."""
        ...

    def artifact(self, name: str, text: str) -> str:
        """Write a file into the artifact folder, bounded.

        Returns its path below the workspace: a step's own paths mean nothing outside.
        """
        ...
