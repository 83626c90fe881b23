"""Envoy resources that watched files hold: listeners, clusters, endpoints, secrets.

The shapes are Envoy's v3 API (envoyproxy.io, api-v3). Who may connect is decided in
the TLS handshake, by the SPIFFE ids in a validation context that is delivered as a
secret: a network RBAC filter looks only when the caller sends data, so a server that
speaks first would greet a stranger; and a new secret drains no connection, where a
changed listener would.
"""

from __future__ import annotations

from typing import Any

from karst.config.spec import Protocol
from karst.mesh.model import (
    ADMIN_PORT,
    CONTROL_PORT,
    INBOUND_PORT,
    OUTBOUND_PORT,
    Node,
    Peer,
)
from karst.pki import Identity

Resource = dict[str, Any]

ROOT = "/var/lib/karst"
CURRENT = f"{ROOT}/current"
_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_WATCHED = {"path": ROOT}
_CONTROL_PREFIX = "/karst.controlplane.v1.ControlPlane/"
_AGENT_PREFIXES = (_CONTROL_PREFIX, "/grpc.health.v1.Health/", "/grpc.reflection.")


def file_source(name: str) -> Resource:
    """A config source that is reloaded when `current` moves."""
    return {
        "path_config_source": {
            "path": f"{CURRENT}/{name}",
            "watched_directory": _WATCHED,
        },
        "resource_api_version": "V3",
    }


def discovery(kind: str, resources: list[Resource]) -> Resource:
    """A DiscoveryResponse of one type, as a watched file holds it."""
    url = f"type.googleapis.com/envoy.config.{kind}"
    return {"resources": [{"@type": url, **resource} for resource in resources]}


# --- secrets ---------------------------------------------------------------------


def certificate_secret(name: str, certificate: str, key: str) -> Resource:
    """A certificate by file names within the current set."""
    return _secret(
        name,
        {
            "tls_certificate": {
                "certificate_chain": {"filename": f"{CURRENT}/{certificate}"},
                "private_key": {"filename": f"{CURRENT}/{key}"},
                "watched_directory": _WATCHED,
            }
        },
    )


def trust_secret(name: str, allowed: tuple[Identity, ...] | None) -> Resource:
    """Whom to trust: the stack's CA and, unless None, exactly these SPIFFE ids.

    An empty tuple allows nobody: an empty list of matchers would allow everybody,
    so it becomes a matcher that no id fulfils.
    """
    context: Resource = {
        "trusted_ca": {"filename": f"{CURRENT}/ca.pem"},
        "watched_directory": _WATCHED,
    }
    if allowed is not None:
        uris = [identity.uri for identity in allowed] or ["spiffe://nobody.invalid/"]
        context["match_typed_subject_alt_names"] = [_uri_matcher(uri) for uri in uris]
    return _secret(name, {"validation_context": context})


def _secret(name: str, body: Resource) -> Resource:
    url = f"{_EXTENSIONS}.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": url, "name": name, **body}]}


def _uri_matcher(uri: str) -> Resource:
    return {"san_type": "URI", "matcher": {"exact": uri}}


def _sds(name: str) -> Resource:
    return {"name": name, "sds_config": file_source(f"sds-{name}.json")}


def server_tls(*, certificate: str, callers: str | None, http: bool = True) -> Resource:
    """The listening side; with `callers`, a client certificate is required.

    Session resumption is off: a resumed session would outlive its certificate.
    """
    common: Resource = {"tls_certificate_sds_secret_configs": [_sds(certificate)]}
    context: Resource = {"common_tls_context": common}
    if http:
        # gRPC clients refuse a server that names no protocol.
        common["alpn_protocols"] = ["h2", "http/1.1"]
    if callers:
        common["tls_params"] = {"tls_minimum_protocol_version": "TLSv1_3"}
        common["validation_context_sds_secret_config"] = _sds(callers)
        context["require_client_certificate"] = True
        context["disable_stateless_session_resumption"] = True
        context["disable_stateful_session_resumption"] = True
    return _transport("DownstreamTlsContext", context)


def client_tls(peer: Identity) -> Resource:
    """The calling side: own certificate, and the callee must be exactly `peer`."""
    return _transport(
        "UpstreamTlsContext",
        {
            "sni": peer.dns,
            "max_session_keys": 0,
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "tls_certificate_sds_secret_configs": [_sds("identity")],
                "combined_validation_context": {
                    "default_validation_context": {
                        "match_typed_subject_alt_names": [_uri_matcher(peer.uri)]
                    },
                    "validation_context_sds_secret_config": _sds("trust"),
                },
            },
        },
    )


def _transport(kind: str, context: Resource) -> Resource:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.{kind}",
            **context,
        },
    }


# --- filters ---------------------------------------------------------------------


def _filter(name: str, path: str, config: Resource) -> Resource:
    return {"name": name, "typed_config": {"@type": f"{_EXTENSIONS}.{path}", **config}}


def tcp_filters(cluster: str, stat: str) -> list[Resource]:
    return [
        _filter(
            "envoy.filters.network.tcp_proxy",
            "filters.network.tcp_proxy.v3.TcpProxy",
            # An idle database connection is a normal one: Envoy's hour would cut it.
            {"stat_prefix": stat, "cluster": cluster, "idle_timeout": "0s"},
        )
    ]


def http_filters(
    routes: list[Resource],
    stat: str,
    *,
    inbound: bool = False,
    edge: bool = False,
    access: Resource | None = None,
) -> list[Resource]:
    """A connection manager that an app does not notice: no timeouts, no header games."""
    filters = [access] if access else []
    filters.append(
        _filter(
            "envoy.filters.http.router",
            "filters.http.router.v3.Router",
            {"suppress_envoy_headers": True},
        )
    )
    manager: Resource = {
        "stat_prefix": stat,
        "codec_type": "AUTO",
        "route_config": {
            "name": stat,
            "virtual_hosts": [{"name": stat, "domains": ["*"], "routes": routes}],
        },
        "http_filters": filters,
        "stream_idle_timeout": "0s",
        "use_remote_address": edge,
        "skip_xff_append": not edge,
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": edge,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_protocol_options": {"accept_http_10": True},
    }
    if inbound:
        # The app may read who calls; what a caller wrote there itself is dropped.
        manager["forward_client_cert_details"] = "SANITIZE_SET"
        manager["set_current_client_cert_details"] = {"uri": True}
    return [
        _filter(
            "envoy.filters.network.http_connection_manager",
            "filters.network.http_connection_manager.v3.HttpConnectionManager",
            manager,
        )
    ]


def route(cluster: str, match: Resource | None = None) -> Resource:
    """Send what matches to `cluster`, without a time limit.

    Retried is only what the callee cannot have begun to work on.
    """
    return {
        "match": match or {"prefix": "/"},
        "route": {
            "cluster": cluster,
            "timeout": "0s",
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset-before-request",
                "num_retries": 2,
            },
        },
    }


def _stream_filters(cluster: str, protocol: Protocol, stat: str) -> list[Resource]:
    if protocol == "tcp":
        return tcp_filters(cluster, stat)
    return http_filters([route(cluster)], stat)


# --- listeners -------------------------------------------------------------------


def inbound_listener(node: Node) -> Resource:
    """What arrives from the network, by the port that was dialled; nothing else."""
    chains = [_control_chain(node), _admin_chain()]
    if node.port and node.port != CONTROL_PORT:
        if node.protocol == "tcp":
            filters = tcp_filters("app", "inbound")
        else:
            filters = http_filters([route("app")], "inbound", inbound=True)
        http = node.protocol != "tcp"
        chains.append(_mtls_chain(node.port, filters, callers="callers", http=http))
    return _listener("inbound", "0.0.0.0", INBOUND_PORT, chains, "INBOUND")  # noqa: S104


def _control_chain(node: Node) -> Resource:
    """50051: the agent for the probe, the app (where this is its port) for its callers."""
    own = node.port == CONTROL_PORT
    prefixes = (_CONTROL_PREFIX,) if own else _AGENT_PREFIXES
    routes = [route("agent", {"prefix": prefix}) for prefix in prefixes]
    if own:
        routes.append(route("app"))
    access = _filter(
        "envoy.filters.http.rbac",
        "filters.http.rbac.v3.RBAC",
        {
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "probe": {
                        "permissions": [{"any": True}],
                        "principals": [_principal(node.probe)],
                    },
                    "callers": {
                        "permissions": [
                            {
                                "not_rule": {
                                    "url_path": {"path": {"prefix": _CONTROL_PREFIX}}
                                }
                            }
                        ],
                        "principals": [{"any": True}],
                    },
                },
            }
        },
    )
    filters = http_filters(routes, "control", inbound=True, access=access)
    return _mtls_chain(CONTROL_PORT, filters, callers="callers" if own else "probe")


def _principal(identity: Identity) -> Resource:
    return {"authenticated": {"principal_name": {"exact": identity.uri}}}


def _admin_chain() -> Resource:
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    paths = ("/stats", "/stats/prometheus", "/ready")
    routes = [route("admin", {"path": path, "headers": [get]}) for path in paths]
    return _mtls_chain(ADMIN_PORT, http_filters(routes, "admin"), callers="probe")


def _mtls_chain(
    port: int, filters: list[Resource], *, callers: str, http: bool = True
) -> Resource:
    return {
        "name": f"port-{port}",
        "filter_chain_match": {"destination_port": port},
        "transport_socket": server_tls(
            certificate="identity", callers=callers, http=http
        ),
        "filters": filters,
    }


def outbound_listener(node: Node) -> Resource:
    """What the app dials, by virtual address and port; anything else is closed."""
    chains = [
        _virtual_chain(
            peer.virtual_address,
            peer.port,
            _stream_filters(f"to-{peer.name}", peer.protocol, f"to-{peer.name}"),
            f"to-{peer.name}",
        )
        for peer in node.callees
    ]
    if node.port:
        filters = _stream_filters("app", node.protocol, "to-self")
        chains.append(
            _virtual_chain(node.virtual_address, node.port, filters, "to-self")
        )
    return _listener("outbound", "127.0.0.1", OUTBOUND_PORT, chains, "OUTBOUND")


def _virtual_chain(
    address: str, port: int, filters: list[Resource], name: str
) -> Resource:
    return {
        "name": name,
        "filter_chain_match": {
            "prefix_ranges": [{"address_prefix": address, "prefix_len": 32}],
            "destination_port": port,
        },
        "filters": filters,
    }


def door_listener(target: Peer, port: int, *, tls: bool) -> Resource:
    """The edge's listener: plain or TLS from browsers, mTLS to the published service."""
    cluster = f"to-{target.name}"
    if target.protocol == "tcp":
        filters = tcp_filters(cluster, "door")
    else:
        filters = http_filters([route(cluster)], "door", edge=True)
    chain: Resource = {"name": "door", "filters": filters}
    if tls:
        chain["transport_socket"] = server_tls(
            certificate="door", callers=None, http=target.protocol != "tcp"
        )
    return {
        "name": "door",
        "address": _socket("0.0.0.0", port),  # noqa: S104
        "filter_chains": [chain],
        "traffic_direction": "INBOUND",
    }


def _listener(
    name: str, address: str, port: int, chains: list[Resource], direction: str
) -> Resource:
    original_dst = "filters.listener.original_dst.v3.OriginalDst"
    return {
        "name": name,
        "address": _socket(address, port),
        "listener_filters": [
            _filter("envoy.filters.listener.original_dst", original_dst, {})
        ],
        "filter_chains": chains,
        "traffic_direction": direction,
    }


def _socket(address: str, port: int) -> Resource:
    return {"socket_address": {"address": address, "port_value": port}}
