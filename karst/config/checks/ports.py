"""Ports and protocols: what a service listens on, and how its health is asked there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from karst.config.checks.written import WrittenService
from karst.config.faults import Fault

HTTP_PATH = re.compile(r"/[!-~]*")
_GRPC_SERVICE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)?")


def check_port(service: WrittenService) -> Iterator[Fault]:
    model, ports = service.model, service.ports
    if model.kind == "job":
        yield from _check_job(service)
    elif service.protocol == "none":
        if model.port is not None:
            yield service.fault(
                "with 'protocol: none' there is no port",
                "remove 'port', or write the protocol that is spoken on it",
                "port",
            )
        if model.publish is not None:
            yield service.fault(
                "with 'protocol: none' there is nothing to publish",
                "remove 'publish', or write the protocol that is spoken",
                "publish",
            )
    elif service.port is None:
        yield service.fault(
            "with 'protocol: tcp' a port must be written",
            "write 'port:' with the port that the app listens on",
            "protocol",
        )
    if model.port in (ports.inbound, ports.outbound, ports.admin):
        yield service.fault(
            f"port {model.port} is the sidecar's own",
            "choose another port; the app is told it as PORT",
            "port",
        )
    if model.port == ports.grpc and service.protocol != "grpc":
        yield service.fault(
            f"port {model.port} is the sidecar's gRPC port, shared with gRPC apps only",
            "choose another port, or write 'protocol: grpc'",
            "port",
        )


def _check_job(service: WrittenService) -> Iterator[Fault]:
    model = service.model
    given = {
        "port": model.port is not None,
        "protocol": service.protocol != "none",
        "publish": model.publish is not None,
    }
    for key, is_given in given.items():
        if is_given:
            yield service.fault(
                f"a job runs to its end and serves nobody, so it has no '{key}'",
                f"remove '{key}', or write 'kind: service'",
                key,
            )


def check_health(service: WrittenService) -> Iterator[Fault]:
    health = service.model.health
    if health is None:
        return
    if service.model.kind == "job" and health.process is None:
        yield service.fault(
            "a job is well when it ends with exit code 0, nothing else is asked",
            "remove 'health', or write {process: true, grace: 10m}",
            "health",
        )
        return
    if service.protocol == "none":
        for kind in ("http", "grpc", "tcp"):
            if getattr(health, kind) is not None:
                yield service.fault(
                    "with 'protocol: none' there is no port to ask",
                    "write {process: true} or {command: [...]}",
                    "health",
                    kind,
                )
    if health.http is not None and not HTTP_PATH.fullmatch(health.http):
        yield service.fault(
            f"'{health.http}' is no path of a URL",
            "begin it with '/', and escape spaces and letters beyond ASCII",
            "health",
            "http",
        )
    if health.grpc is not None and not _GRPC_SERVICE.fullmatch(health.grpc):
        yield service.fault(
            f"'{health.grpc}' is no name of a gRPC service",
            "write it as package.Service, or '' for the server itself",
            "health",
            "grpc",
        )
