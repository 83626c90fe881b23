"""The top: the only handler of last resort, the only `sys.exit`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

from karst import __version__
from karst.errors import KarstError

INTERRUPTED = 130
UNEXPECTED = 1
USAGE = 64


def main() -> NoReturn:
    """Run the program on this process's arguments and environment."""
    # A pipeline cancels with SIGTERM: half-done work is undone as on ^C.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code, having told any failure."""
    if arguments in (["--version"], ["-V"]):
        print(f"karst {__version__}")
        return 0
    import click

    from karst.cli.app import app

    try:
        result = app(arguments, standalone_mode=False, prog_name="karst")
    except KarstError as error:
        print(f"karst: {error}", file=sys.stderr)
        return error.exit_code
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        print(
            "karst: interrupted; run the same command again to go on", file=sys.stderr
        )
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough (`karst logs | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _unexpected(error: Exception) -> int:
    """A fault of ours: say so, with what a report of it needs."""
    print(
        f"karst: unexpected: {type(error).__name__}: {error}\n"
        f"  -> this is a fault in karst {__version__} "
        f"(Python {sys.version.split()[0]}); what follows belongs in a report of it",
        file=sys.stderr,
    )
    traceback.print_exception(error)
    return UNEXPECTED
