"""What GitLab alone reads: the widget's counts and a job log's folded sections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from karst.report.escaping import clean
from karst.report.log_text import LogPart
from karst.report.model import PlanReport

_BEGIN = "\x1b[0K"


def render_resource_counts(report: PlanReport) -> str:
    """The `terraform` report: resources, a replacement in both create and delete."""
    return json.dumps(report.resource_counts) + "\n"


def render_sections(parts: Iterable[LogPart], *, began: int, ended: int) -> str:
    """A job log's parts, each in a section of its own; seconds since 1970."""
    return "".join(
        render_section(
            part.name,
            part.title,
            part.text,
            began=began,
            ended=ended,
            folded=part.folded,
        )
        for part in parts
    )


def render_section(
    name: str, title: str, text: str, *, began: int, ended: int, folded: bool = True
) -> str:
    """`text` as a section of a job's log.

    Args:
        name: a section's own in its job; what is no letter, digit, "_", "-" or "."
            becomes "_".
        began, ended: seconds since 1970; GitLab shows how long it took.
    """
    # A foreign escape code could end the section or begin another one.
    body = "\n".join(_plain(line) for line in text.split("\n"))
    head = open_section(name, title, began, folded=folded)
    return f"{head}\n{body}\n{section_end(name, ended)}\n"


def open_section(name: str, title: str, began: int, *, folded: bool = True) -> str:
    """The line that begins a section; what follows is its text until `section_end`."""
    fold = "[collapsed=true]" if folded else ""
    return (
        f"{_BEGIN}section_start:{began}:{_key(name)}{fold}\r{_BEGIN}{clean(title, 120)}"
    )


def section_end(name: str, ended: int) -> str:
    return f"{_BEGIN}section_end:{ended}:{_key(name)}\r{_BEGIN}"


def _key(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "section"


def _plain(line: str) -> str:
    return "".join(c for c in line if c >= " " and c != "\x7f")
