"""Pid 1 of a sidecar: close the namespace, then keep Envoy and the server alive.

The story: `run_agent` puts the packet rules in force and becomes `run_sealed`, which
can never change them again. That one says `karst-agent: sealed`, the line that karst
and the keeper wait for before they start an app, waits for a set of mesh files, starts
Envoy under its own uid and the server (gRPC, probes, the shim's socket) in an
unprivileged child, and supervises both. It parses nothing that an app wrote.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from karst.runner.backoff import KeptAlive
from karst.runner.envoy import Envoy, draw_gid, draw_uid
from karst.runner.files import FileSets, write_hosts
from karst.runner.seal import SealError, check_sealed, reexec_without_net_admin, seal
from karst.runner.settings import (
    FILES_ROOT,
    SERVER_UID,
    SHIM_ADDRESS,
    SettingsError,
    Sidecar,
    parse_sidecar,
)
from karst.runner.uptake import Uptake

REFUSED = 78
SEALED_LINE = "karst-agent: sealed"
STOPS = (signal.SIGTERM, signal.SIGINT)
TICK = 0.25
STOP_GRACE = 4.0


def run_agent() -> int:
    """Close the namespace, then become the sealed agent; 78 where it can't be closed."""
    uid, gid = draw_uid(), draw_gid()
    try:
        seal(_sidecar(), gid)
    except (SealError, SettingsError) as error:
        say(f"refused: {error}")
        return REFUSED
    reexec_without_net_admin("agent-sealed", str(uid), str(gid))
    return REFUSED


def run_sealed(uid: int, gid: int) -> int:
    """Supervise Envoy under these ids until SIGTERM; 78 where NET_ADMIN is held."""
    try:
        sidecar = _sidecar()
        check_sealed()
    except (SealError, SettingsError) as error:
        say(f"refused: {error}")
        return REFUSED
    # Bound before the app can run, and kept: nobody in the namespace can take its place.
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SHIM_ADDRESS)
    listener.listen(8)
    print(SEALED_LINE, flush=True)
    sets = FileSets(Path(FILES_ROOT))
    return Agent(sidecar, listener, sets, Envoy(uid, gid)).supervise()


class Agent:
    """The supervising loop and what it knows."""

    def __init__(
        self,
        sidecar: Sidecar,
        listener: socket.socket,
        sets: FileSets,
        proxy: Envoy,
    ) -> None:
        self._sidecar = sidecar
        self._listener = listener
        self._sets = sets
        self._proxy = proxy
        self._envoy = KeptAlive("envoy", proxy.start)
        self._server = KeptAlive("server", self._start_server)
        self._uptake = Uptake(proxy.is_ready, proxy.update_counters, sets.show)
        self._told = b""
        self._to_server: socket.socket | None = None
        self._stopping = False
        self._bootstrap = ""
        self._counters: dict[str, int] = {}

    def supervise(self) -> int:
        """Run until a stop signal; returns the exit code."""
        wake = self._listen_to_signals()
        if self._sets.current:
            self._enter_set()
        while not self._stopping:
            self._tick(time.monotonic())
            wake.poll(TICK * 1000)
            _drain(self._wake)
            self._reap(time.monotonic())
        return self._stop()

    def _tick(self, now: float) -> None:
        if self._sets.poll(self._count):
            say(f"set {self._version()}")
            self._enter_set()
            self._uptake.begin(self._version(), self._counters, now)
        if self._sets.current and self._envoy.tick(now):
            self._bootstrap = self._sets.text("envoy.yaml")
            self._uptake.restarted(self._version(), now)
        self._server.tick(now)
        if self._envoy.pid:
            self._uptake.look(now)
        self._tell_server()

    def _count(self) -> None:
        self._counters = self._proxy.update_counters() if self._envoy.pid else {}

    def _enter_set(self) -> None:
        """Follow the set in force in what Envoy does not watch: names, bootstrap."""
        if self._sidecar.role == "service":
            write_hosts(Path("/etc/hosts"), self._sets.text("hosts"))
        if self._envoy.pid and self._bootstrap != self._sets.text("envoy.yaml"):
            say("the bootstrap changed: Envoy starts anew")
            self._envoy.signal(signal.SIGTERM)

    def _version(self) -> str:
        return self._sets.current.version if self._sets.current else ""

    def _tell_server(self) -> None:
        """Send the server what it can't know, where that has changed."""
        state = {
            "envoy_ready": self._uptake.ready,
            "envoy_restarts": self._envoy.restarts,
            "mesh_version": self._uptake.version,
            "mesh_error": self._sets.error or self._uptake.error,
        }
        line = json.dumps(state).encode() + b"\n"
        if line == self._told or not self._to_server:
            return
        try:
            self._to_server.send(line)
            self._told = line
        except OSError:
            # Full or broken: the next tick, or the server's next start, tries again.
            return

    def _start_server(self) -> int:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self._to_server:
            self._to_server.close()
        # A stop that comes now waits until the child has put its own handlers in place.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        pid = os.fork()
        if pid == 0:
            ours.close()
            _become_server(self._sidecar, self._listener, theirs, self._proxy.uid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        theirs.close()
        ours.setblocking(False)
        self._to_server, self._told = ours, b""
        return pid

    def _reap(self, now: float) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in (self._envoy, self._server):
                if child.pid == pid:
                    pause = child.ended(status, now)
                    say(
                        f"{child.name} ended ({child.last_exit}), again in {pause:.1f} s"
                    )
                    if child is self._envoy:
                        self._uptake.lost(f"Envoy ended ({child.last_exit})")

    def _listen_to_signals(self) -> select.poll:
        self._wake, sending = socket.socketpair()
        for end in (self._wake, sending):
            end.setblocking(False)
        self._sending = sending
        signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOPS:
            signal.signal(number, self._on_stop)
        wake = select.poll()
        wake.register(self._wake, select.POLLIN)
        return wake

    def _on_stop(self, *_: object) -> None:
        self._stopping = True

    def _stop(self) -> int:
        children = [child for child in (self._server, self._envoy) if child.pid]
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE
        while any(c.pid for c in children) and time.monotonic() < deadline:
            self._reap(time.monotonic())
            time.sleep(0.02)
        return 0


def _become_server(
    sidecar: Sidecar, listener: socket.socket, parent: socket.socket, envoy: int
) -> NoReturn:
    """In the forked child: lose every right, then serve until the end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        os.setgroups([])
        os.setresgid(SERVER_UID, SERVER_UID, SERVER_UID)
        os.setresuid(SERVER_UID, SERVER_UID, SERVER_UID)
        from karst.runner.server import serve

        code = serve(sidecar, listener, parent, refused_uids={envoy, SERVER_UID})
    except BaseException as error:
        say(f"server: {error!r}")
    finally:
        os._exit(code)


def say(text: str) -> None:
    print(f"karst-agent: {text}", file=sys.stderr, flush=True)


def _sidecar() -> Sidecar:
    return parse_sidecar(os.environ.get("KARST_SIDECAR", ""))


def _drain(wake: socket.socket) -> None:
    try:
        while wake.recv(512):
            pass
    except BlockingIOError:
        return
