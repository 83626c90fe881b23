"""The same containers by the engine's API alone, ten at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
from docker.types import IPAMConfig, IPAMPool, LogConfig

from bench.images import LABEL

_AT_ONCE = 10
_CAPABILITIES = ["KILL", "NET_ADMIN", "SETGID", "SETPCAP", "SETUID"]
_LOG = LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"})


def create(client: docker.DockerClient, variables: Mapping[str, Any]) -> float:
    """Make the network and every pair, started; returns the seconds it took."""
    began = time.monotonic()
    network = variables["network"]
    pool = IPAMPool(
        subnet=network["subnet"],
        gateway=network["gateway"],
        iprange=network["ip_range"],
    )
    client.api.create_network(
        network["name"], driver="bridge", ipam=IPAMConfig(pool_configs=[pool])
    )

    def pair(release: Mapping[str, Any]) -> None:
        _app(client, release, _sidecar(client, release, network["name"]))

    with ThreadPoolExecutor(_AT_ONCE) as workers:
        list(workers.map(pair, variables["services"].values()))
    return time.monotonic() - began


def _sidecar(
    client: docker.DockerClient, release: Mapping[str, Any], network: str
) -> str:
    api, volume = client.api, f"{release['container']}-mesh"
    host = api.create_host_config(
        cap_drop=["ALL"],
        cap_add=_CAPABILITIES,
        security_opt=["no-new-privileges:true"],
        restart_policy={"Name": "unless-stopped"},
        network_mode=network,
        binds=[f"{volume}:/var/lib/karst"],
        log_config=_LOG,
    )
    # Any: the published types take one endpoint, the library a mapping of them.
    endpoints: Any = {
        network: api.create_endpoint_config(ipv4_address=release["address"])
    }
    made: dict[str, str] = api.create_container(
        release["sidecar_image"],
        name=f"{release['container']}-sidecar",
        hostname=release["service"],
        environment={"KARST_SIDECAR": release["agent"]},
        labels={LABEL: "yes"},
        host_config=host,
        networking_config=api.create_networking_config(endpoints),
    )
    api.start(made["Id"])
    return made["Id"]


def _app(client: docker.DockerClient, release: Mapping[str, Any], sidecar: str) -> None:
    host = client.api.create_host_config(
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        network_mode=f"container:{sidecar}",
        log_config=_LOG,
    )
    made = client.api.create_container(
        release["image"],
        name=release["container"],
        environment=dict(release["env"]),
        labels={LABEL: "yes"},
        host_config=host,
    )
    client.api.start(made["Id"])
