"""The top: the only handler of last resort, the only `sys.exit`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

from karst import __version__
from karst.cli.fault import UNEXPECTED, as_told, describe_fault
from karst.errors import KarstError

INTERRUPTED = 130
USAGE = 64


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program on `arguments`, or this process's own, and its environment."""
    # A pipeline cancels with SIGTERM: half-done work is undone as on ^C.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # while it is loaded, or tells of a failure
        code = _interrupted()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code, having told any failure."""
    if arguments in (["--version"], ["-V"]):
        print(f"karst {__version__}")
        return 0
    import typer

    from karst.cli.app import app
    from karst.cli.output import ReaderGoneError

    try:
        result = app(arguments, standalone_mode=False, prog_name="karst")
    except KarstError as error:
        return _told(error)
    except typer.Exit as finished:
        return finished.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except ReaderGoneError:
        return 0
    except OSError as error:
        told = as_told(error)
        return _told(told) if told else _unexpected(error)
    except Exception as error:
        if isinstance(error, _command_line_error()):
            error.show()
            return USAGE
        return _unexpected(error)
    if result == INTERRUPTED:
        # Typer catches an interrupt itself, and answers with its code.
        return _interrupted()
    return result if isinstance(result, int) else 0


def _told(error: KarstError) -> int:
    from karst.report.escaping import plain_lines

    # In a detail stands what builds, apps and forges said.
    print(f"karst: {plain_lines(str(error))}", file=sys.stderr)
    if _wants_traceback():
        traceback.print_exception(error)
    return error.exit_code


def _wants_traceback() -> bool:
    """What DEBUG says, in the environment or `.env`; no second failure for a first."""
    from karst.cli.wiring import load_settings

    try:
        return load_settings().debug
    except (KarstError, OSError, UnicodeDecodeError):
        return os.environ.get("DEBUG", "").lower() in ("1", "true", "yes", "on")


def _interrupted() -> int:
    print("karst: interrupted; run the same command again to go on", file=sys.stderr)
    return INTERRUPTED


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _command_line_error() -> Any:
    """The class of everything that is wrong with a command line.

    Newer releases of typer bring a click of their own, older ones use the real one:
    what both export is its descendant.
    """
    import typer

    return typer.BadParameter.__mro__[2]


def _unexpected(error: Exception) -> int:
    print(describe_fault(error), file=sys.stderr)
    return UNEXPECTED
