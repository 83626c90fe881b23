"""Starting Envoy under ids of its own, and asking it how it took a set of files.

Uid and gid are drawn at every start of a sidecar. The kernel counts inotify instances by
uid over all containers, 128 by default, and an Envoy takes about ten: with one uid for
all, a dozen sidecars were the most that a machine could run. And nobody can name in an
image, beforehand, or find out later, the gid whose packets pass the rules.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from karst.runner.settings import ADMIN_SOCKET, ENVOY_GROUP, FILES_ROOT

_ARGV = (
    "setpriv",
    "--reuid={uid}",
    "--regid={gid}",
    f"--groups=0,{ENVOY_GROUP}",
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
    # A closed edge's connections end this much later; Envoy would give them 10 minutes.
    "--drain-time-s",
    "10",
    "--log-level",
    "warning",
)
_ATTEMPT, _REJECTED = "update_attempt", "update_rejected"
# A file that is no such resource at all is a failure, any other bad one a rejection.
_FAILED = "update_failure"
_STATS = f"/stats?filter=({_ATTEMPT}|{_REJECTED}|{_FAILED})$"
_ANSWER_LIMIT = 1 << 20
_LOWEST, _WIDEST = 1 << 30, 1 << 31
# A remapped user namespace has 65,536 uids only; low ones are what images use.
_LOWEST_REMAPPED = 20_000


def draw_uid(uid_map: str | None = None) -> int:
    """A uid for Envoy that nobody can foretell, within this namespace's `uid_map`."""
    text = Path("/proc/self/uid_map").read_text() if uid_map is None else uid_map
    end = max(
        int(start) + int(count) for start, _, count in map(str.split, text.splitlines())
    )
    low = _LOWEST if end >= _WIDEST else _LOWEST_REMAPPED
    return low + int.from_bytes(os.urandom(8), "big") % (min(end, _WIDEST) - low)


def draw_gid() -> int:
    """A gid for Envoy that nobody can foretell."""
    return draw_uid(Path("/proc/self/gid_map").read_text())


class Envoy:
    """Envoy under one uid and gid, and its admin socket, which is that uid's alone."""

    def __init__(self, uid: int, gid: int) -> None:
        self.uid, self.gid = uid, gid

    def start(self) -> int:
        """Start Envoy on the current set; returns its pid."""
        argv = [word.format(uid=self.uid, gid=self.gid) for word in _ARGV]
        return os.posix_spawnp(
            argv[0], argv, os.environ, setsigdef=range(1, 32), setsigmask=()
        )

    def is_ready(self) -> bool:
        """Whether Envoy has its first configuration and listens."""
        return self._get("/ready")[0] == 200

    def update_counters(self) -> dict[str, int]:
        """How often each subscription was tried and refused, by counter name."""
        status, body = self._get(_STATS)
        return parse_counters(body) if status == 200 else {}

    def _get(self, path: str) -> tuple[int, str]:
        """GET from the admin socket: status (0: no answer) and body."""
        request = f"GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            try:
                self._connect(connection)
                connection.sendall(request.encode())
                answer = b""
                while len(answer) < _ANSWER_LIMIT and (piece := connection.recv(65536)):
                    answer += piece
            except OSError:
                return 0, ""
        return parse_answer(answer)

    def _connect(self, connection: socket.socket) -> None:
        # The socket is 0600, and root without DAC_OVERRIDE is anybody.
        os.seteuid(self.uid)
        try:
            connection.connect(ADMIN_SOCKET)
        finally:
            os.seteuid(0)


def parse_answer(answer: bytes) -> tuple[int, str]:
    """Status (0: none) and body of an HTTP answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return status, body.decode("utf-8", "replace")


def parse_counters(text: str) -> dict[str, int]:
    """Read `name: value` lines of Envoy's /stats."""
    pairs = (line.rpartition(": ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if name and value.isdigit()}


def refused(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Subscriptions whose newest update Envoy refused since `before`."""
    return sorted(
        {
            name.rpartition(".")[0]
            for name, count in now.items()
            if name.endswith((_REJECTED, _FAILED)) and count > before.get(name, 0)
        }
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
