"""Network, engine and state: what the whole stack stands on."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from karst.config.addresses import (
    hide_password,
    is_engine_address,
    is_network_name,
    network_remedy,
)
from karst.config.faults import Fault
from karst.config.schema import MeshModel, StackModel
from karst.config.sentences import suggest

_PRIVATE = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_SMALLEST = 26
# Terraform's; `gitlab`, the state that a GitLab project keeps; and `target`, a volume on
# the engine that the stack runs on.
BACKENDS = (
    *("azurerm", "consul", "cos", "gcs", "gitlab", "http", "kubernetes"),
    *("local", "oss", "pg", "remote", "s3", "target"),
)


def check_surroundings(stack: StackModel) -> Iterator[Fault]:
    network, host = stack.mesh.network, stack.target.docker_host
    if network is not None and not is_network_name(network):
        yield Fault(
            ("mesh", "network"),
            f"'{network}' is no name for a network of one's own",
            network_remedy(network),
        )
    yield from _check_subnet(stack.mesh)
    if host is not None and not is_engine_address(host):
        yield Fault(
            ("target", "docker_host"),
            f"'{hide_password(host)}' is no address of an engine",
            "write it as ssh://user@host, tcp://host:2376 or unix:///path/docker.sock",
        )
    if stack.state.backend not in BACKENDS:
        backend = stack.state.backend
        yield Fault(
            ("state", "backend"),
            f"there is no backend '{backend}'{suggest(backend, BACKENDS)}",
            f"write one of {', '.join(BACKENDS)}",
        )


def _check_subnet(mesh: MeshModel) -> Iterator[Fault]:
    remedy = "write a private network such as 172.20.0.0/16"
    path = ("mesh", "subnet")
    try:
        subnet = ipaddress.IPv4Network(mesh.subnet, strict=False)
    except ValueError:
        yield Fault(path, f"'{mesh.subnet}' is no IPv4 network", remedy)
        return
    if mesh.subnet != str(subnet):
        what = f"'{mesh.subnet}' is not written as a network"
        yield Fault(path, what, f"write {subnet}")
    elif subnet.prefixlen > _SMALLEST:
        what = f"{subnet} has only {subnet.num_addresses} addresses"
        yield Fault(path, what, f"write a network of /{_SMALLEST} or larger")
    elif not any(subnet.subnet_of(private) for private in _PRIVATE):
        yield Fault(path, f"{subnet} is not a private network", remedy)
