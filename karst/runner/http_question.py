"""One question in HTTP, of whose answer only the status counts."""

from __future__ import annotations

import contextlib
import socket
import time

_LONGEST_LINE = 4096
# A page may be large, or never end.
_LINGER = 0.5
_LARGEST = 1 << 20


def ask_status(
    connection: socket.socket, port: int, path: str, deadline: float
) -> int | None:
    """GET `path`: the status, None where the answer is no HTTP; raises OSError.

    `localhost` is the name that apps commonly allow, so it stands in Host.

    Args:
        port: stands in Host, too.
        deadline: on the monotonic clock.
    """
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: */*\r\n"
        "User-Agent: karst-health\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(request.encode())
    words = _read_first_line(connection, deadline).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1])


def _read_first_line(connection: socket.socket, deadline: float) -> bytes:
    """The first line, or what came of it.

    What follows is read too, for half a second at most: an app whose answer is cut off
    complains in its own log, Python's http.server with a traceback.
    """
    line = b""
    while b"\n" not in line and len(line) < _LONGEST_LINE:
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        piece = connection.recv(_LONGEST_LINE)
        if not piece:
            return line
        line += piece
    _read_out(connection, min(deadline, time.monotonic() + _LINGER))
    return line.partition(b"\n")[0]


def _read_out(connection: socket.socket, deadline: float) -> None:
    left = _LARGEST
    with contextlib.suppress(OSError):
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            connection.settimeout(seconds)
            piece = connection.recv(1 << 16)
            if not piece:
                return
            left -= len(piece)
