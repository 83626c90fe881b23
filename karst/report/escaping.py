"""Others' text in karst's documents: it stands in code, and nothing in it has a meaning.

Names, refs, entrypoints, log lines and error texts come from repositories that anybody
may write. GitHub and GitLab turn "@name", "#12", "!12", "www.", ":smile:" and HTML into
something in prose, whether escaped by backslash or not, for they look at the rendered
text; in code they don't. So others' text is put into code spans and code blocks only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
MORE = "…"

_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]"
)
_SPACE = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
# What ends a line for some reader, if not for Markdown's.
_ENDS = "\r\n\x85\u2028\u2029"
# Control, format (writing direction, invisible signs), surrogate, private, unassigned.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def clean(text: str, limit: int = 0) -> str:
    """One line without anything unseen; with a `limit` above 0, at most that long."""
    if limit:
        # Terminal codes may go, so look at somewhat more than is wanted.
        text = text[: limit * 4 + 64]
    flat = _SPACE.sub(" ", _TERMINAL.sub("", text)).strip()
    seen = "".join(map(_seen, flat))
    return shorten(seen, limit) if limit else seen


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, with a sign that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + MORE


def code(text: str, limit: int = 0) -> str:
    """A code span, or "" for nothing."""
    shown = clean(text, limit)
    if not shown:
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def code_block(lines: Iterable[str], info: str = "", *, limit: int = 400) -> str:
    """A code block, a line each; `limit` is per line."""
    shown = [log_line(line, limit) for line in lines]
    run = max((_longest_run(line) for line in shown), default=0)
    fence = "`" * max(3, run + 1)
    return "\n".join([f"{fence}{info}", *shown, fence])


def log_line(text: str, limit: int) -> str:
    """A line as it came, without anything unseen. Spaces stay: they are a log's columns and a program's indents."""
    flat = _TERMINAL.sub("", text[: limit * 4 + 64]).replace("\t", "    ").rstrip()
    return shorten("".join(_seen(" " if c in _ENDS else c) for c in flat), limit)


def plain_lines(text: str, limit: int = 1 << 16) -> str:
    """Others' lines for a terminal: no code in them moves its cursor or answers for it."""
    return "\n".join(
        line if line.isprintable() and len(line) <= limit else log_line(line, limit)
        for line in text.split("\n")
    )


def _seen(sign: str) -> str:
    return UNKNOWN if unicodedata.category(sign) in _UNSEEN else sign


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    head = list(header)
    lines = [head, ["---"] * len(head), *[list(row) for row in rows]]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def link(label: str, url: str) -> str:
    """A link with a label that is Markdown already; the label alone for an odd address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return label
    # Of the text itself: the parser forgives white space before it, Markdown does not.
    plain = url.startswith(("http://", "https://")) and len(url) <= 2000
    if not (plain and parts.netloc) or "@" in parts.netloc:
        return label
    # What ends a link, a table cell or the line in Markdown is written as %XX.
    safe = quote(url, safe="/:?#!$&'+,=%~-._", errors="replace")
    return f"[{label}]({safe})"


def names(texts: Iterable[str], most: int, limit: int = 80) -> str:
    """Code spans in a row, the first `most` of them, and how many more there are."""
    found = [code(text, limit) for text in texts]
    if len(found) <= most:
        return ", ".join(found)
    rest = f"{len(found) - most} more"
    return f"{', '.join(found[:most])} and {rest}" if most else str(len(found))


def mermaid_label(text: str, limit: int = 40) -> str:
    """A label for between double quotes; signs that mermaid knows become its #NN; form."""
    shown = clean(text, limit)
    return "".join(
        c if c.isalnum() or c in " /" or (c == "-" and i) else f"#{ord(c)};"
        for i, c in enumerate(shown)
    )


def count(number: int, one: str, many: str = "") -> str:
    """ "1 service", "2 services"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
