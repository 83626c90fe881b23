"""The sidecar's unprivileged child: gRPC on a Unix socket, probing, the shim's socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from karst.runner import controlplane_pb2 as pb2
from karst.runner import controlplane_pb2_grpc as pb2_grpc
from karst.runner import status
from karst.runner.logs import Line, LogRing
from karst.runner.probe_loopback import Answer, ask, read_listeners, tell_elsewhere
from karst.runner.settings import AGENT_SOCKET, Sidecar
from karst.runner.shim_link import ShimLink
from karst.runner.status import AppState, HealthState

LAST_LINES = 20
MAX_FOLLOWERS = 4
# Until an app has answered, it is asked this often: a deploy waits for it.
EAGER = 0.25
_SERVICE = "karst.controlplane.v1.ControlPlane"


class MeshState:
    """What the agent tells of Envoy and the set in force."""

    envoy_ready = False
    envoy_restarts = 0
    mesh_version = ""
    mesh_error = ""


def serve(
    sidecar: Sidecar,
    listener: socket.socket,
    parent: socket.socket,
    refused_uids: Collection[int],
) -> int:
    """Serve until SIGTERM or until the agent is gone; returns the exit code."""
    logs, mesh = LogRing(), MeshState()
    health = HealthState(sidecar, time.time())
    link = ShimLink(listener, health, logs, refused_uids)
    standard = grpc_health.HealthServicer(experimental_non_blocking=False)
    server = _start(AgentServicer(sidecar, health, logs, mesh), standard)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for work in (link.serve, lambda: _probe(sidecar, health, link)):
        threading.Thread(target=_for_good, args=(work,), daemon=True).start()
    _follow_agent(parent, mesh, link, health, standard, sidecar.service)
    server.stop(None)
    return 0


def _for_good(work: Callable[[], None]) -> None:
    """Run what never ends; if it does, end the process: the agent starts it anew."""
    try:
        work()
    finally:
        traceback.print_exc()
        os._exit(1)


class AgentServicer(pb2_grpc.ControlPlaneServicer):
    """ControlPlane of one sidecar; Deploy stays UNIMPLEMENTED."""

    def __init__(
        self, sidecar: Sidecar, health: HealthState, logs: LogRing, mesh: MeshState
    ) -> None:
        self._sidecar, self._health = sidecar, health
        self._logs, self._mesh = logs, mesh
        self._followers = threading.Semaphore(MAX_FOLLOWERS)

    def HealthCheck(self, request: Any, context: Any) -> Any:
        if request.service not in ("", self._sidecar.service):
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"here is only {self._sidecar.service}"
            )
        verdict = self._health.verdict(time.time())
        lines, _ = self._logs.tail(LAST_LINES)
        return pb2.HealthCheckResponse(
            service=self._sidecar.service,
            release=self._sidecar.release,
            status=verdict.status,
            detail=verdict.detail,
            probe=verdict.probe,
            restarts=verdict.app.restarts,
            exit_code=verdict.app.exit_code,
            exit_reason=verdict.app.exit_reason,
            last_lines=[_line(line) for line in lines],
            mesh_version=self._mesh.mesh_version,
            mesh_error=self._mesh.mesh_error,
            envoy_restarts=self._mesh.envoy_restarts,
            started_at=verdict.app.started_at,
        )

    def StreamLogs(self, request: Any, context: Any) -> Iterator[Any]:
        lines, position = self._logs.tail(max(0, request.tail))
        yield from map(_line, lines)
        if not request.follow:
            return
        if not self._followers.acquire(blocking=False):
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{MAX_FOLLOWERS} callers follow these logs already",
            )
        try:
            while context.is_active():
                lines, position = self._logs.after(position, timeout=0.5)
                yield from map(_line, lines)
        finally:
            self._followers.release()


def _start(servicer: AgentServicer, standard: Any) -> Any:
    """Start the server on the socket that Envoy dials."""
    # Followers hold a thread each: enough are left for everybody else.
    pool = futures.ThreadPoolExecutor(MAX_FOLLOWERS + 4)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
    pb2_grpc.add_ControlPlaneServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(standard, server)
    names = (_SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
    reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    before = os.umask(0)
    try:
        server.add_insecure_port(f"unix:{AGENT_SOCKET}")
        server.start()
    finally:
        os.umask(before)
    return server


def _ask(sidecar: Sidecar, app: AppState, link: ShimLink) -> Answer:
    """The app's answer; where there is none, also the port that it has in its place."""
    port, kind = sidecar.port, sidecar.health.kind
    answer = ask(sidecar.health, port, app, link)
    if answer.well or port is None or kind not in ("http", "grpc", "tcp"):
        return answer
    elsewhere = tell_elsewhere(port, sidecar.ports, read_listeners())
    return Answer(False, f"{answer.text}; {elsewhere}") if elsewhere else answer


def _probe(sidecar: Sidecar, health: HealthState, link: ShimLink) -> None:
    """Ask the app again and again, for as long as this process lives."""
    settings = sidecar.health
    while True:
        app = health.app
        if sidecar.kind == "service" and (app.running or not sidecar.shim):
            answer = _ask(sidecar, app, link)
            health.probed(answer.well, answer.text, app.started_at)
        waits = health.verdict(time.time()).status == status.STARTING
        eager = waits or (sidecar.shim and not health.app.running)
        time.sleep(min(EAGER, settings.interval) if eager else settings.interval)


def _follow_agent(
    parent: socket.socket,
    mesh: MeshState,
    link: ShimLink,
    health: HealthState,
    standard: Any,
    service: str,
) -> None:
    """Take in what the agent tells, until it is gone; keep grpc.health.v1 in step."""
    parent.settimeout(0.25)
    told: str | None = None
    while True:
        try:
            message = parent.recv(65536)
            if not message:
                return
            for key, value in json.loads(message).items():
                setattr(mesh, key, value)
            link.set_ready(mesh.envoy_ready)
        except TimeoutError:
            pass
        now = health.verdict(time.time()).status
        if now != told:
            serving = now in (status.SERVING, status.COMPLETED)
            answer = "SERVING" if serving else "NOT_SERVING"
            value = health_pb2.HealthCheckResponse.ServingStatus.Value(answer)
            for name in ("", service):
                standard.set(name, value)
            told = now


def _line(line: Line) -> Any:
    return pb2.LogLine(time=line.time, stream=line.stream, text=line.text)
