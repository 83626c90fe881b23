"""Envoy clusters and endpoints: the app behind a sidecar, and the peers it may call."""

from __future__ import annotations

from karst.config.spec import Protocol
from karst.mesh.envoy import Resource, client_tls
from karst.mesh.model import Peer

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# Envoy's default of 1,024 is a guess about somebody else's traffic.
_LIMITS = {
    "thresholds": [
        {
            "max_connections": 1_000_000,
            "max_pending_requests": 1_000_000,
            "max_requests": 1_000_000,
        }
    ]
}


def app_cluster(port: int, protocol: Protocol) -> Resource:
    """The app on loopback: one that binds 127.0.0.1 only is served too."""
    return {
        "name": "app",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": _LIMITS,
        "load_assignment": assignment("app", ("127.0.0.1",), port),
        **_http(protocol, to_app=True),
    }


def peer_cluster(peer: Peer) -> Resource:
    """A callee, its endpoints within: a release switch replaces this cluster alone.

    Endpoints in files of their own (EDS) would cost an inotify instance per callee and
    sidecar, of which Linux gives a uid 128 for the whole host.
    """
    name = f"to-{peer.name}"
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": assignment(name, peer.endpoints, peer.port),
        "connect_timeout": "2s",
        "ignore_health_on_host_removal": True,
        "circuit_breakers": _LIMITS,
        "transport_socket": client_tls(peer.identity),
        **_http(peer.protocol, to_app=False),
    }


def assignment(name: str, addresses: tuple[str, ...], port: int) -> Resource:
    """Endpoints of one cluster; no address means that nothing answers yet."""
    endpoints = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": address, "port_value": port}}
            }
        }
        for address in addresses
    ]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}


def _http(protocol: Protocol, *, to_app: bool) -> Resource:
    """The HTTP version spoken upstream.

    To the app it goes by what repos.yaml says: an HTTP/1 app can't be spoken to in
    HTTP/2 because its caller did. Between sidecars it is the caller's own.
    """
    if protocol in ("tcp", "none"):
        return {}
    if not to_app:
        version: Resource = {
            "use_downstream_protocol_config": {
                "http_protocol_options": {},
                "http2_protocol_options": {},
            }
        }
    elif protocol == "grpc":
        version = {"explicit_http_config": {"http2_protocol_options": {}}}
    else:
        version = {"explicit_http_config": {"http_protocol_options": {}}}
    url = f"type.googleapis.com/{_HTTP_OPTIONS}"
    return {
        "typed_extension_protocol_options": {_HTTP_OPTIONS: {"@type": url, **version}}
    }
