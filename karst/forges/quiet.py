"""What the libraries below the forges may write into a log."""

from __future__ import annotations

import logging

# Below a warning they write addresses and headers, some with words that let in.
_TALKATIVE = ("github", "gitlab", "urllib3", "httpx", "httpcore")


def quiet_libraries() -> None:
    """Let the libraries log warnings only, through the program's own handlers.

    PyGithub, when imported, prints from INFO on through a handler of its own.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()
