"""The calls of the probe: a checked TLS handshake, the agent's word, the own port."""

from __future__ import annotations

import functools
import socket
import ssl
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from karst.runner.http_question import ask_status

CONTROL_PORT = 50051  # where the request names no other


class ProbeError(Exception):
    """A call failed; the text says which and why."""


class Identity(NamedTuple):
    """Paths of the probe's own certificate and key, and of the CA it trusts."""

    cert: str
    key: str
    ca: str


class Target(Protocol):
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def protocol(self) -> str: ...
    @property
    def health(self) -> dict[str, Any]: ...
    @property
    def server_id(self) -> str: ...
    @property
    def dns(self) -> str: ...


@functools.cache
def load_context(identity: Identity, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """The client side of mutual TLS; read from its files once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Checked instead is the whole SPIFFE id, in `connect`: names are not identities here.
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(identity.ca)
    context.load_cert_chain(identity.cert, identity.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def connect(
    address: tuple[str, int],
    server_id: str,
    identity: Identity,
    timeout: float,
    alpn: tuple[str, ...] = (),
) -> ssl.SSLSocket:
    """Connect by mutual TLS to whoever proves to be exactly `server_id`."""
    host, port = address
    try:
        plain = socket.create_connection(address, timeout)
    except OSError as error:
        raise ProbeError(f"connect {host}:{port}: {error.strerror or error}") from error
    try:
        secure = load_context(identity, alpn).wrap_socket(plain)
    except OSError as error:
        plain.close()
        raise ProbeError(f"TLS with {host}:{port}: {error}") from error
    names: Any = secure.getpeercert() or {}
    found = [value for kind, value in names.get("subjectAltName", ()) if kind == "URI"]
    if found != [server_id]:
        secure.close()
        raise ProbeError(f"{host}:{port} is {' '.join(found)}, not {server_id}")
    return secure


def handshake(
    address: tuple[str, int], server_id: str, identity: Identity, timeout: float
) -> dict[str, str]:
    """Serial (hex), begin and end of the certificate that the sidecar serves now."""
    with connect(address, server_id, identity, timeout, ("h2",)) as secure:
        certificate: Any = secure.getpeercert()
    return {
        "serial": certificate["serialNumber"].lower(),
        "not_before": _rfc3339(certificate["notBefore"]),
        "not_after": _rfc3339(certificate["notAfter"]),
    }


def _rfc3339(text: str) -> str:
    seconds = ssl.cert_time_to_seconds(text)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def ask_agent(
    address: tuple[str, int], dns: str, identity: Identity, timeout: float
) -> dict[str, Any]:
    """ControlPlane.HealthCheck, as a dictionary with every field."""
    import grpc
    from google.protobuf.json_format import MessageToDict

    from karst.runner import controlplane_pb2 as pb2
    from karst.runner import controlplane_pb2_grpc as pb2_grpc

    with _channel(*address, dns, identity) as channel:
        stub: Any = pb2_grpc.ControlPlaneStub(channel)  # type: ignore[no-untyped-call]
        try:
            answer = stub.HealthCheck(pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            raise ProbeError(
                f"the agent: {error.code().name} {error.details()}"
            ) from error
    said: dict[str, Any] = MessageToDict(
        answer,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=True,
    )
    return said


def ask_port(target: Target, identity: Identity, timeout: float) -> str:
    """One request or connect on the service's own port; what was asked and answered."""
    if target.protocol == "http":
        return _ask_http(target, identity, timeout)
    if target.protocol == "grpc":
        return _ask_grpc(target, identity, timeout)
    return _ask_tcp(target, identity, timeout)


def _ask_http(target: Target, identity: Identity, timeout: float) -> str:
    given = target.health.get("target") if target.health.get("kind") == "http" else ""
    path = given or "/"
    asked = f"GET {target.dns}:{target.port}{path}"
    port = target.port or 0
    with _own_port(target, identity, timeout, ("http/1.1",)) as secure:
        try:
            status = ask_status(secure, port, path, time.monotonic() + timeout)
        except OSError as error:
            raise ProbeError(f"{asked}: {error}") from error
    if status is None:
        raise ProbeError(f"{asked}: no HTTP answer")
    if status >= (400 if given else 500):
        raise ProbeError(f"{asked}: {status}")
    return f"{asked}: {status}"


def _ask_grpc(target: Target, identity: Identity, timeout: float) -> str:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    asked_for = target.health.get("kind") == "grpc"
    service = target.health.get("target", "") if asked_for else ""
    asked = f"grpc.health.v1 {target.dns}:{target.port}"
    _own_port(target, identity, timeout, ("h2",)).close()
    with _channel(target.address, target.port or 0, target.dns, identity) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            answer: Any = stub.Check(request, timeout=timeout)
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.UNIMPLEMENTED and not asked_for:
                return f"{asked}: answered, without grpc.health.v1"
            raise ProbeError(f"{asked}: {code.name} {error.details()}") from error
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if name != "SERVING":
        raise ProbeError(f"{asked}: {name}")
    return f"{asked}: {name}"


def _ask_tcp(target: Target, identity: Identity, timeout: float) -> str:
    """A connection that stays open for a moment: a mesh without the app closes at once."""
    asked = f"connect {target.dns}:{target.port}"
    with _own_port(target, identity, timeout) as secure:
        secure.settimeout(0.2)
        try:
            if not secure.recv(1):
                raise ProbeError(f"{asked}: closed at once")
        except TimeoutError:
            pass
        except OSError as error:
            raise ProbeError(f"{asked}: {error}") from error
    return f"{asked}: accepted"


def _own_port(
    target: Target, identity: Identity, timeout: float, alpn: tuple[str, ...] = ()
) -> ssl.SSLSocket:
    address = (target.address, target.port or 0)
    return connect(address, target.server_id, identity, timeout, alpn)


def _channel(address: str, port: int, dns: str, identity: Identity) -> Any:
    import grpc

    key, certificate, ca = (
        _bytes(path) for path in (identity.key, identity.cert, identity.ca)
    )
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    options = [("grpc.ssl_target_name_override", dns), ("grpc.enable_http_proxy", 0)]
    return grpc.secure_channel(f"{address}:{port}", credentials, options=options)


def _bytes(path: str) -> bytes:
    return Path(path).read_bytes()
