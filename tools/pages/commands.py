"""What `karst COMMAND --help` prints."""

from __future__ import annotations

import contextlib
import io

import typer

from karst.cli.app import app

_WIDTH = 96


def render_command(name: str) -> str:
    """The help of one command, as on a terminal 96 columns wide; "" is the program's."""
    arguments = [name, "--help"] if name else ["--help"]
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(typer.Exit):
        app(
            arguments,
            standalone_mode=False,
            prog_name="karst",
            terminal_width=_WIDTH,
        )
    return f"```text\n{told.getvalue().rstrip()}\n```\n"
