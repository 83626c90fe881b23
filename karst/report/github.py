"""What GitHub alone reads: annotations and groups in a step's log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from karst.report.escaping import clean
from karst.report.log_text import LogPart

Level = Literal["error", "warning", "notice"]
_MESSAGE = 3000
_TITLE = 200
# The runner takes "::name::" at a line's beginning and "##[name]" anywhere as commands.
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##\[")


def render_annotation(
    level: Level, message: str, *, file: str = "", line: int = 0, title: str = ""
) -> str:
    """One workflow command, "::error file=repos.yaml,line=7,title=...::message".

    `file` is relative to the workspace; `line` counts from 1, 0 where there is none.
    Newlines in `message` stay.
    """
    properties = []
    if file:
        properties.append(f"file={_property(clean(file, 1000))}")
        if line > 0:
            properties.append(f"line={line}")
    if title:
        properties.append(f"title={_property(clean(title, _TITLE))}")
    told = "\n".join(clean(each) for each in message.split("\n"))[:_MESSAGE]
    head = f"::{level} {','.join(properties)}" if properties else f"::{level}"
    return f"{head}::{_data(told)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def render_group(title: str, text: str) -> str:
    """Lines folded under a title, in which nothing is a command."""
    return f"::group::{_data(clean(title, _TITLE))}\n{defuse(text)}\n::endgroup::"


def render_groups(parts: Iterable[LogPart]) -> str:
    """A step log's parts; what calls for attention is not folded."""
    return "\n".join(
        render_group(part.title, part.text)
        if part.folded
        else f"{defuse(clean(part.title, _TITLE))}\n{defuse(part.text)}"
        for part in parts
    )


def defuse(text: str) -> str:
    """Text for a step's log that the runner takes for text, whoever wrote it."""
    lines = "\n".join(text.splitlines())
    return _OLD_COMMAND.sub("# #[", _COMMAND.sub(r"\1: :", lines))
