"""Ports of this machine."""

from __future__ import annotations

import socket


def is_free(address: str, port: int) -> bool:
    """Whether nobody listens on `port` at `address` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        # Else a connection that has just ended counts as somebody.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, port))
        except OSError:
            return False
    return True
