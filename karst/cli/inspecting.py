"""inspect: how a repository starts."""

from __future__ import annotations

import os
from pathlib import Path

from karst.cli.output import print_document, say


def inspect_command(path: str, *, as_json: bool) -> None:
    from karst.cli.places import fetched_folder
    from karst.cli.wiring import load_settings
    from karst.effects.process import Processes
    from karst.pipeline.inspecting import inspect_slug
    from karst.pipeline.sources import Places, open_sources
    from karst.report.entrypoint_text import entrypoint_document, render_entrypoint

    processes = Processes(dict(os.environ))
    settings = load_settings()
    cwd = Path.cwd()
    places = Places(cwd, fetched_folder(settings, processes.environ, cwd))
    sources = open_sources(settings, processes, places)
    found = inspect_slug(path, sources, override=settings.entrypoint)
    if as_json:
        print_document(
            entrypoint_document(
                found.entrypoint,
                slug=str(found.slug),
                revision=found.commit,
                packaging=found.packaging,
                python=found.python,
            )
        )
    else:
        say(render_entrypoint(found.entrypoint))
