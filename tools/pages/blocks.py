"""Finds the generated blocks of a page and fills them anew; the prose around stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<kind>[a-z-]+)(?: (?P<subject>[^ ]+))? -->\n)"
    r"(?P<body>.*?)"
    r"(?P<end><!-- end of generated -->)",
    re.S,
)

Render = Callable[[str], str]


def refresh(page: Path, kinds: dict[str, Render]) -> str:
    """Return the text of `page` with every block as `kinds` renders its subject now.

    Raises KeyError for a kind that nobody renders, ValueError for a page without one.
    """
    text = page.read_text(encoding="utf-8")
    if not _BLOCK.search(text):
        raise ValueError(f"{page} has no generated block")

    def fill(block: re.Match[str]) -> str:
        body = kinds[block["kind"]](block["subject"] or "")
        return f"{block['begin']}\n{body.strip()}\n\n{block['end']}"

    return _BLOCK.sub(fill, text)


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
