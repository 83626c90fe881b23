"""RunContext of a person's machine, or of a script on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karst.context.run_context import RunContext

_NO = ("", "0", "false", "no", "off")


def read_local_context(
    environ: Mapping[str, str], cwd: Path, isatty: bool
) -> RunContext:
    """Return the context of a run in folder `cwd` (absolute).

    A terminal is no person's where `CI` is set, as every pipeline does, or where it
    is a dumb one: neither shows progress bars or answers questions.
    """
    is_pipeline = environ.get("CI", "").lower() not in _NO
    is_dumb = environ.get("TERM", "") == "dumb"
    return RunContext(
        kind="local",
        workspace=cwd,
        is_interactive=isatty and not is_pipeline and not is_dumb,
    )
