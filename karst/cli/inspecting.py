"""inspect: how a repository starts."""

from __future__ import annotations

import os
from pathlib import Path

from karst.cli.output import print_document, say


def inspect_command(path: str, *, as_json: bool) -> None:
    from karst.pipeline.inspecting import inspect_slug
    from karst.report.entrypoint_text import entrypoint_document, render_entrypoint

    found = inspect_slug(path, Path.cwd(), dict(os.environ))
    if as_json:
        print_document(entrypoint_document(found))
    else:
        say(render_entrypoint(found))
