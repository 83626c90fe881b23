"""Starting Envoy under its own uid, and asking it how it took a set of files."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from karst.runner.settings import ADMIN_SOCKET, ENVOY_UID, FILES_ROOT

_ARGV = (
    "setpriv",
    f"--reuid={ENVOY_UID}",
    f"--regid={ENVOY_UID}",
    "--clear-groups",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
    "--",
    "/usr/local/bin/envoy",
    "--config-path",
    f"{FILES_ROOT}/current/envoy.yaml",
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "--log-level",
    "warning",
)
_ATTEMPT, _REJECTED = "update_attempt", "update_rejected"
_STATS = f"/stats?filter=({_ATTEMPT}|{_REJECTED})$"
_ANSWER_LIMIT = 1 << 20


def start_envoy() -> int:
    """Start Envoy on the current set; returns its pid."""
    return os.posix_spawnp(
        _ARGV[0], _ARGV, os.environ, setsigdef=range(1, 32), setsigmask=()
    )


def is_ready() -> bool:
    """Whether Envoy has its first configuration and listens."""
    return _get("/ready")[0] == 200


def update_counters() -> dict[str, int]:
    """How often each subscription of Envoy's was tried and refused, by counter name."""
    status, body = _get(_STATS)
    return parse_counters(body) if status == 200 else {}


def parse_counters(text: str) -> dict[str, int]:
    """Read `name: value` lines of Envoy's /stats."""
    pairs = (line.rpartition(": ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if name and value.isdigit()}


def refused(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Subscriptions whose newest update Envoy refused since `before`."""
    return sorted(
        name.removesuffix(f".{_REJECTED}")
        for name, count in now.items()
        if name.endswith(_REJECTED) and count > before.get(name, 0)
    )


def taken_up(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Whether every subscription that existed before, and still does, was read anew.

    A static cluster has a count of attempts too, always 0, but none of refusals.
    """
    return all(
        now[name] > count
        for name, count in before.items()
        if name.endswith(_ATTEMPT)
        and name in now
        and f"{name.removesuffix(_ATTEMPT)}{_REJECTED}" in now
    )


def _get(path: str) -> tuple[int, str]:
    """GET from the admin socket: status (0: no answer) and body."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            _connect_as_envoy(connection)
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b""
            while len(answer) < _ANSWER_LIMIT and (piece := connection.recv(65536)):
                answer += piece
        except OSError:
            return 0, ""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return status, body.decode("utf-8", "replace")


def _unchunked(body: bytes) -> bytes:
    """RFC 9112, section 7.1; Envoy's admin speaks no HTTP/1.0, which has none."""
    whole = b""
    while True:
        line, _, rest = body.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if not size:
            return whole
        whole += rest[:size]
        body = rest[size + 2 :]


def _connect_as_envoy(connection: socket.socket) -> None:
    # The admin socket is Envoy's alone (0600), and root without DAC_OVERRIDE is anybody.
    switch = os.geteuid() == 0
    if switch:
        os.seteuid(ENVOY_UID)
    try:
        connection.connect(ADMIN_SOCKET)
    finally:
        if switch:
            os.seteuid(0)
