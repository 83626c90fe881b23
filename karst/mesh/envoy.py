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
from karst.pki import Identity

Resource = dict[str, Any]

ROOT = "/var/lib/karst"
CURRENT = f"{ROOT}/current"
_EXTENSIONS = "type.googleapis.com/envoy.extensions"
CONTROL_PREFIX = "/karst.controlplane.v1.ControlPlane/"
AGENT_PREFIXES = (CONTROL_PREFIX, "/grpc.health.v1.Health/", "/grpc.reflection.")


def file_source(name: str) -> Resource:
    """A config source that is reloaded when `current` moves."""
    return {
        "path_config_source": {
            "path": f"{CURRENT}/{name}",
            "watched_directory": {"path": ROOT},
        },
        "resource_api_version": "V3",
    }


# --- secrets ---------------------------------------------------------------------


def certificate_secret(name: str, chain_pem: str, key_pem: str) -> Resource:
    """A certificate and its key, within: the file that holds it is private.

    Named files would be watched each by an inotify instance of its own.
    """
    return _secret(
        name,
        {
            "tls_certificate": {
                "certificate_chain": {"inline_string": chain_pem},
                "private_key": {"inline_string": key_pem},
            }
        },
    )


def trust_secret(
    name: str, bundle_pem: str, allowed: tuple[Identity, ...] | None
) -> Resource:
    """Whom to trust: the stack's CA and, unless None, exactly these SPIFFE ids."""
    context: Resource = {"trusted_ca": {"inline_string": bundle_pem}}
    if allowed is not None:
        context["match_typed_subject_alt_names"] = _uri_matchers(allowed)
    return _secret(name, {"validation_context": context})


def _secret(name: str, body: Resource) -> Resource:
    url = f"{_EXTENSIONS}.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": url, "name": name, **body}]}


def _uri_matchers(allowed: tuple[Identity, ...]) -> list[Resource]:
    """Nobody allowed is a matcher that no id fulfils: an empty list means everybody."""
    uris = [identity.uri for identity in allowed] or ["spiffe://nobody.invalid/"]
    return [{"san_type": "URI", "matcher": {"exact": uri}} for uri in uris]


def _exactly(identity: Identity) -> Resource:
    """The stack's CA, as delivered, and this one identity."""
    return {
        "combined_validation_context": {
            "default_validation_context": {
                "match_typed_subject_alt_names": _uri_matchers((identity,))
            },
            "validation_context_sds_secret_config": _sds("trust"),
        }
    }


def _sds(name: str) -> Resource:
    return {"name": name, "sds_config": file_source(f"sds-{name}.json")}


def server_tls(
    *, certificate: str, callers: Identity | str | None, http: bool = True
) -> Resource:
    """The listening side; with `callers`, a client certificate is required.

    `callers` is one identity, or the name of the secret that lists them.
    Session resumption is off: a resumed session would outlive its certificate.
    """
    common: Resource = {"tls_certificate_sds_secret_configs": [_sds(certificate)]}
    context: Resource = {"common_tls_context": common}
    if http:
        # gRPC clients refuse a server that names no protocol.
        common["alpn_protocols"] = ["h2", "http/1.1"]
    if callers:
        common["tls_params"] = {"tls_minimum_protocol_version": "TLSv1_3"}
        if isinstance(callers, Identity):
            common |= _exactly(callers)
        else:
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
                **_exactly(peer),
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


def typed_filter(name: str, path: str, config: Resource) -> Resource:
    return {"name": name, "typed_config": {"@type": f"{_EXTENSIONS}.{path}", **config}}


def tcp_filters(cluster: str, stat: str) -> list[Resource]:
    return [
        typed_filter(
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
        typed_filter(
            "envoy.filters.http.router",
            "filters.http.router.v3.Router",
            # Codes and times are counted by the connection manager already, which is
            # one for each peer: counted by the cluster too, they cost 4 % of a request.
            {"suppress_envoy_headers": True, "dynamic_stats": False},
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
        # An HTTP/1.0 request may come without a Host; Envoy answers that with 400.
        "http_protocol_options": {
            "accept_http_10": True,
            "default_host_for_http_10": "localhost",
        },
    }
    if inbound:
        # The app may read who calls; what a caller wrote there itself is dropped.
        manager["forward_client_cert_details"] = "SANITIZE_SET"
        manager["set_current_client_cert_details"] = {"uri": True}
    return [
        typed_filter(
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


def stream_filters(cluster: str, protocol: Protocol, stat: str) -> list[Resource]:
    if protocol == "tcp":
        return tcp_filters(cluster, stat)
    return http_filters([route(cluster)], stat)


def principal(identity: Identity) -> Resource:
    return {"authenticated": {"principal_name": {"exact": identity.uri}}}
