"""Envoy's listeners: what a sidecar takes from the network, from its app, from a door."""

from __future__ import annotations

from karst.mesh.envoy import (
    AGENT_PREFIXES,
    CONTROL_PREFIX,
    Resource,
    http_filters,
    principal,
    route,
    server_tls,
    stream_filters,
    tcp_filters,
    typed_filter,
)
from karst.mesh.model import Node, Peer
from karst.pki import Identity


def inbound_listener(node: Node) -> Resource:
    """What arrives from the network, by the port that was dialled; nothing else."""
    chains = [_control_chain(node), _admin_chain(node)]
    if node.port and node.port != node.ports.grpc:
        if node.protocol == "tcp":
            filters = tcp_filters("app", "inbound")
        else:
            filters = http_filters([route("app")], "inbound", inbound=True)
        http = node.protocol != "tcp"
        chains.append(_mtls_chain(node.port, filters, callers="callers", http=http))
    return _listener("inbound", "0.0.0.0", node.ports.inbound, chains, "INBOUND")  # noqa: S104


def _control_chain(node: Node) -> Resource:
    """50051: the agent for the probe, the app (where this is its port) for its callers."""
    own = node.port == node.ports.grpc
    prefixes = (CONTROL_PREFIX,) if own else AGENT_PREFIXES
    routes = [route("agent", {"prefix": prefix}) for prefix in prefixes]
    if own:
        routes.append(route("app"))
    access = typed_filter(
        "envoy.filters.http.rbac",
        "filters.http.rbac.v3.RBAC",
        {
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "probe": {
                        "permissions": [{"any": True}],
                        "principals": [principal(node.probe)],
                    },
                    "callers": {
                        "permissions": [
                            {
                                "not_rule": {
                                    "url_path": {"path": {"prefix": CONTROL_PREFIX}}
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
    return _mtls_chain(
        node.ports.grpc, filters, callers="callers" if own else node.probe
    )


def _admin_chain(node: Node) -> Resource:
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    paths = ("/stats", "/stats/prometheus", "/ready")
    routes = [route("admin", {"path": path, "headers": [get]}) for path in paths]
    return _mtls_chain(
        node.ports.admin, http_filters(routes, "admin"), callers=node.probe
    )


def _mtls_chain(
    port: int, filters: list[Resource], *, callers: Identity | str, http: bool = True
) -> Resource:
    return {
        "name": f"port-{port}",
        "filter_chain_match": {"destination_port": port},
        "transport_socket": server_tls(
            certificate="identity", callers=callers, http=http
        ),
        "filters": filters,
    }


def outbound_listener(node: Node) -> Resource | None:
    """What the app dials, by virtual address and port; anything else is closed.

    None for a service that may dial nothing: Envoy takes no listener without chains.
    """
    chains = [
        _virtual_chain(
            peer.virtual_address,
            peer.port,
            stream_filters(f"to-{peer.name}", peer.protocol, f"to-{peer.name}"),
            f"to-{peer.name}",
        )
        for peer in node.callees
    ]
    if node.port:
        filters = stream_filters("app", node.protocol, "to-self")
        chains.append(
            _virtual_chain(node.virtual_address, node.port, filters, "to-self")
        )
    if not chains:
        return None
    return _listener("outbound", "127.0.0.1", node.ports.outbound, chains, "OUTBOUND")


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
            typed_filter("envoy.filters.listener.original_dst", original_dst, {})
        ],
        "filter_chains": chains,
        "traffic_direction": direction,
    }


def _socket(address: str, port: int) -> Resource:
    return {"socket_address": {"address": address, "port_value": port}}
