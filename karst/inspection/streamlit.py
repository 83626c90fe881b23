"""Streamlit scripts: no server is in them, `streamlit run` is."""

from __future__ import annotations

import re

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import Candidate
from karst.inspection.frameworks import ASIDE
from karst.inspection.imports import absolute_imports, folder_of
from karst.inspection.packaging import Packaging
from karst.inspection.places import manifest_folder
from karst.inspection.servers import SERVERS, where
from karst.inspection.shell import as_argv, quote
from karst.inspection.source import SourceTree

RULE = "a Streamlit script"
_NAMES = ("streamlit_app", "app", "main", "home", "index", "dashboard", "run", "ui")


def streamlit(tree: SourceTree, packaging: Packaging) -> tuple[Candidate, ...]:
    """The likeliest scripts; several are equally likely."""
    found = [
        path
        for path in tree.python_files(ASIDE | {"pages", "utils", "components"})
        if path.count("/") <= packaging.depends_on("streamlit")
        and "streamlit" in (tree.read(path) or "")
        and "streamlit" in absolute_imports(tree, path)
        and re.search(r"\bst\.\w|streamlit\.\w", tree.read(path) or "")
    ]
    ranks = {path: _rank(tree, path) for path in found}
    best = [p for p in sorted(found) if ranks[p] == min(ranks.values())]
    return tuple(_candidate(tree, path, packaging) for path in best)


def _rank(tree: SourceTree, path: str) -> tuple[int, int, int]:
    stem = re.sub(r"^[\W\d_]+", "", path.rpartition("/")[2]).removesuffix(".py").lower()
    name = _NAMES.index(stem) if stem in _NAMES else len(_NAMES)
    # The first page sets the page up; modules of it only draw.
    configured = "set_page_config" in (tree.read(path) or "")
    return path.count("/"), name, 0 if configured else 1


def _candidate(tree: SourceTree, path: str, packaging: Packaging) -> Candidate:
    folder = manifest_folder(tree, folder_of(path))
    server = SERVERS["streamlit run"]
    words = ["streamlit", "run", path[len(folder) :].strip("/"), *where(server)]
    words += ["--server.headless", "true"]
    line = tree.line_of(path, "import streamlit", "from streamlit")
    return Candidate(
        "command",
        quote(words),
        as_argv(words),
        RULE,
        (tree.evidence(path, line),),
        workdir=place_of(folder),
        folder=folder,
        protocol="http",
        packages=packaging.lacks("streamlit"),
    )
