"""The way to an engine: one address that every client of a run is told.

Three programs speak to the engine: its library here, the builder's command line and
Terraform's provider. Each has ideas of its own about ssh:// and about which variables
count; so they get one endpoint, which is a socket here or TCP with TLS.
"""

from __future__ import annotations

import atexit
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from karst.effects.engine_tunnel import open_tunnel
from karst.effects.process import Processes
from karst.effects.ssh_words import SshAccess
from karst.errors import EngineError

__all__ = ["EngineWay", "SshAccess", "open_way"]

LOCAL = "unix:///var/run/docker.sock"
_SOCKET = "/var/run/docker.sock"
_TLS = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_TLS")
_FILES = ("ca.pem", "cert.pem", "key.pem")


@dataclass(frozen=True)
class EngineWay:
    """How this run reaches its engine.

    Attributes:
        shown: as people name it, `ssh://deploy@host`.
        endpoint: what clients are told.
        socket: the engine's own socket on its own machine, for who runs there.
        environ: the caller's variables, in which every client finds the endpoint.
    """

    shown: str
    endpoint: str
    socket: str
    environ: Mapping[str, str] = field(repr=False)


def open_way(
    host: str | None, environ: Mapping[str, str], access: SshAccess | None = None
) -> EngineWay:
    """Open the way to `host`, or to the engine that the environment names.

    What it takes to keep it open ends with this process. Raises EngineError.
    """
    address = host or environ.get("DOCKER_HOST") or LOCAL
    kind, _, rest = address.partition("://")
    if kind == "ssh":
        tunnel = open_tunnel(address, Processes(environ), access or SshAccess())
        atexit.register(tunnel.close)
        endpoint = f"unix://{tunnel.path}"
        return EngineWay(address, endpoint, tunnel.remote, _told(environ, endpoint))
    if kind == "tcp":
        return _tcp(address, environ)
    if kind == "unix":
        return EngineWay(address, address, rest, _told(environ, address))
    raise EngineError(
        f"'{address}' is no address of an engine that karst can use",
        where="target.docker_host or DOCKER_HOST",
        remedy="write it as ssh://user@host, tcp://host:2376 or unix:///path/docker.sock",
    )


def _told(environ: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """A socket has no TLS: variables that a job sets for another engine would break it."""
    kept = {k: v for k, v in environ.items() if k not in (*_TLS, "DOCKER_CONTEXT")}
    return {**kept, "DOCKER_HOST": endpoint}


def _tcp(address: str, environ: Mapping[str, str]) -> EngineWay:
    # Docker's own client takes any text for yes, "0" and "false" too.
    verified = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not verified:
        _refuse_clear(address, environ)
        return EngineWay(address, address, _SOCKET, _told(environ, address))
    named = environ.get("DOCKER_CERT_PATH", "")
    folder = Path(named or Path.home() / ".docker")
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise EngineError(
            f"TLS with {address} wants {', '.join(missing)}",
            where=f"DOCKER_CERT_PATH {folder}",
            remedy="put the CA, the client's certificate and its key there (ca.pem, cert.pem, key.pem), or give them as the step's inputs docker-tls-ca, docker-tls-cert and docker-tls-key",
        )
    kept = {k: v for k, v in environ.items() if k != "DOCKER_CONTEXT"}
    told = {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1"}
    told["DOCKER_CERT_PATH"] = str(folder)
    return EngineWay(address, address, _SOCKET, {**kept, **told})


def _refuse_clear(address: str, environ: Mapping[str, str]) -> None:
    """Keys and secret values go over this connection, and whoever speaks on it is root."""
    if _is_loopback(urlsplit(address).hostname or ""):
        return
    # The one switch by which a pipeline says that its engine beside the job has no TLS.
    if environ.get("DOCKER_TLS_CERTDIR") == "":
        return
    raise EngineError(
        f"{address} would be spoken to in clear, with every key and secret of the stack",
        where="target.docker_host or DOCKER_HOST",
        remedy="have the engine listen with TLS (port 2376) and give DOCKER_TLS_VERIFY=1 with DOCKER_CERT_PATH, or the step's docker-tls-* inputs; or use ssh://",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
