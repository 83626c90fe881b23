"""Four questions about one edge: is it open to its caller, and shut to everybody else.

`answered` and `shut` are asked from within a caller's network namespace, in clear, as
its app would: the caller's own sidecar makes mutual TLS of it, with its own key.
`turned_away` and `unlocked` are asked from the mesh's network, of the callee itself.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from typing import Any, NamedTuple

from karst.runner.probe_calls import Identity, ProbeError, connect

# Envoy closes what it does not want at once; a server that waits is an open door.
SILENCE = 1.0
_GREETING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Answer(NamedTuple):
    """Whether it was as it should be; milliseconds of an answered request, or None."""

    well: bool
    detail: str
    latency_ms: float | None = None


def answered(ask: dict[str, Any], timeout: float) -> Answer:
    """The callee answers its name and port. Keys: host, port, protocol, health, tls."""
    asks = {"http": _http} if ask.get("tls") else {"http": _http, "grpc": _grpc}
    try:
        return asks.get(ask["protocol"], _tcp)(ask, timeout)
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, f"{ask['host']}:{ask['port']}: {_why(error)}")


def _http(ask: dict[str, Any], timeout: float) -> Answer:
    health = ask.get("health") or {}
    given = health.get("target") if health.get("kind") == "http" else ""
    path = given or "/"
    asked = f"GET {ask['host']}:{ask['port']}{path}"
    where = (ask["host"], ask["port"])
    connection = http.client.HTTPConnection(*where, timeout=timeout)
    if ask.get("tls"):
        connection = http.client.HTTPSConnection(
            *where, timeout=timeout, context=_browser()
        )
    began = time.monotonic()
    try:
        connection.request("GET", path, headers={"User-Agent": "karst-edges"})
        status = connection.getresponse().status
    finally:
        connection.close()
    # Anything but a failure shows that the app itself answered: it may want a login.
    return Answer(status < 500, f"{asked}: {status}", _since(began))


def _grpc(ask: dict[str, Any], timeout: float) -> Answer:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    asked = f"grpc.health.v1 {ask['host']}:{ask['port']}"
    options = [("grpc.enable_http_proxy", 0)]
    address = f"{ask['host']}:{ask['port']}"
    with grpc.insecure_channel(address, options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        began = time.monotonic()
        try:
            stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code = error.code()
        latency = _since(began)
    # Envoy says UNAVAILABLE for whom it does not reach; any other word is the app's.
    lost = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    return Answer(code not in lost, f"{asked}: {code.name}", latency)


def _tcp(ask: dict[str, Any], timeout: float) -> Answer:
    """Who speaks first has answered; who waits must at least keep the line open."""
    asked = f"connect {ask['host']}:{ask['port']}"
    began = time.monotonic()
    with socket.create_connection((ask["host"], ask["port"]), timeout) as line:
        secure = _browser().wrap_socket(line) if ask.get("tls") else line
        secure.settimeout(SILENCE)
        try:
            got = secure.recv(1)
        except TimeoutError:
            return Answer(True, f"{asked}: accepted")
    if not got:
        return Answer(False, f"{asked}: closed at once")
    return Answer(True, f"{asked}: it spoke", _since(began))


def _browser() -> ssl.SSLContext:
    """Whom a door shows itself to by which certificate is its owner's affair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shut(ask: dict[str, Any], timeout: float) -> Answer:
    """The caller's own sidecar lets nothing out. Keys: addresses, port."""
    for address in ask["addresses"]:
        got = _dial((address, ask["port"]), timeout)
        if got:
            return Answer(
                False, f"{address}:{ask['port']} {got}, from the caller's side"
            )
    return Answer(True, "closed on the caller's side")


def turned_away(ask: dict[str, Any], timeout: float) -> Answer:
    """The callee refuses the caller's identity. Keys: address, port, server_id, identity."""
    address = (ask["address"], ask["port"])
    try:
        with connect(
            address, ask["server_id"], Identity(**ask["identity"]), timeout
        ) as line:
            return _after_handshake(line, address, "certificate unknown")
    except ProbeError as error:
        return Answer(False, f"not proven: {error}")


def unlocked(ask: dict[str, Any], timeout: float) -> Answer:
    """Nothing comes out in clear, nor without a certificate.

    Keys: address, ports (dialled in clear), port (dialled in TLS), server_id, ca.
    """
    address = (ask["address"], ask["port"])
    try:
        with _without_certificate(address, ask, timeout) as line:
            found = _after_handshake(line, address, "certificate required")
    except (OSError, ProbeError) as error:
        return Answer(False, f"not proven: {address[0]}:{address[1]}: {_why(error)}")
    if not found.well:
        return found._replace(detail=f"without a certificate: {found.detail}")
    for port in ask["ports"]:
        got = _dial((ask["address"], port), min(timeout, SILENCE))
        if got:
            return Answer(False, f"in clear, {ask['address']}:{port} {got}")
    ports = ", ".join(str(port) for port in ask["ports"])
    return Answer(True, f"refused in clear on {ports}, and in TLS: {found.detail}")


def _without_certificate(
    address: tuple[str, int], ask: dict[str, Any], timeout: float
) -> ssl.SSLSocket:
    """TLS with the callee, proven to be it, that shows it nothing of one's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(ask["ca"])
    plain = socket.create_connection(address, timeout)
    try:
        secure = context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
    names: Any = secure.getpeercert() or {}
    found = [value for kind, value in names.get("subjectAltName", ()) if kind == "URI"]
    if found != [ask["server_id"]]:
        secure.close()
        raise ProbeError(f"it is {' '.join(found)}, not {ask['server_id']}")
    return secure


def _after_handshake(
    line: ssl.SSLSocket, address: tuple[str, int], alert: str
) -> Answer:
    """In TLS 1.3 the server's word on our certificate comes after our handshake.

    `alert` is the word that shows it refused for the right reason (RFC 8446, 6.2): a
    certificate that has ended would be refused, too.
    """
    where = f"{address[0]}:{address[1]}"
    line.settimeout(SILENCE)
    try:
        got = line.recv(1)
    except TimeoutError:
        return Answer(False, f"{where} let it in, and waits")
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return Answer(alert in reason, reason)
    except OSError as error:
        return Answer(False, f"not proven: {where}: {_why(error)}")
    if got:
        return Answer(False, f"{where} let it in, and answered")
    return Answer(False, f"not proven: {where} closed without a word")


def _dial(address: tuple[str, int], timeout: float) -> str:
    """What an open door does to a greeting in clear; "" for one that is shut."""
    try:
        plain = socket.create_connection(address, timeout)
    except OSError:
        return ""
    with plain:
        plain.settimeout(SILENCE)
        with contextlib.suppress(TimeoutError):
            try:
                plain.sendall(_GREETING)
                got = plain.recv(64)
            except TimeoutError:
                raise
            except OSError:
                return ""
            # A TLS alert record (RFC 8446, 6) is Envoy's word to who speaks no TLS.
            refused = not got or (got[:2] == b"\x15\x03" and len(got) == 7)
            return "" if refused else "answered"
    return "keeps the line open"


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
