"""uWSGI's command: whether it speaks HTTP by itself, and on which port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from karst.inspection.imports import under
from karst.inspection.source import SourceTree

# `socket` alone is uWSGI's own protocol, for an nginx before it.
_HTTP = re.compile(
    r"^\s*(?:--)?https?(?:-socket)?\s*[=:\s]\s*\S*?(?::|\b)(\d{2,5})\s*$", re.MULTILINE
)
_CHDIR = re.compile(r"^\s*(?:--)?chdir\s*[=:\s]\s*(/\S+)", re.MULTILINE)


def http_port(tree: SourceTree, words: list[str], folder: str) -> int | None:
    """The HTTP port of `uwsgi ...` started in a folder of the tree.

    None where it speaks no HTTP, or goes to a folder that only its author's image has.
    """
    text = "\n".join(_settings(tree, words[1:], folder))
    found = _HTTP.search(text)
    if found is None or not all(p == "/app" for p in _CHDIR.findall(text)):
        return None
    return int(found[1])


def _settings(tree: SourceTree, words: list[str], folder: str) -> Iterator[str]:
    """Options, one a line, and the texts of the files that they name."""
    for word, value in pairwise([*words, ""]):
        yield f"{word} {value}" if word.startswith("-") and "=" not in word else word
        for name in (word, word.partition("=")[2]):
            path = under(folder, name.removeprefix("/app/").removeprefix("./"))
            if re.search(r"\.(ini|ya?ml|cfg)$", path) and path in tree.files:
                yield tree.read(path) or ""
