"""What is told of an error that nobody made on purpose."""

from __future__ import annotations

import errno
import os
import sys
import traceback

from karst import __version__
from karst.errors import ConfigError, KarstError

UNEXPECTED = 1
# Permissions and places are people's; anything else about a file is a fault of ours.
_PEOPLES = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR),
    *(errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
)


class TooLateError(ConfigError):
    """The step's time is over: whoever can do without an answer is not to go on."""


def as_told(error: OSError) -> KarstError | None:
    """What the system says of a file or folder that somebody named; None where it is
    a fault of ours."""
    if error.errno not in _PEOPLES or not error.filename:
        return None
    return ConfigError(
        f"this can't be read or written: {error.strerror}",
        where=os.fsdecode(error.filename),
        remedy="check that it and the folders above it are there, and their permissions",
    )


def describe_fault(error: Exception) -> str:
    """A fault of ours, with what a report of it needs."""
    return (
        f"karst: unexpected: {type(error).__name__}: {error}\n"
        f"  -> this is a fault in karst {__version__} "
        f"(Python {sys.version.split()[0]}); what follows belongs in a report of it\n"
        + "".join(traceback.format_exception(error)).rstrip("\n")
    )
