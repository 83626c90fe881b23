"""What a repository says of its port, where repos.yaml does not say it."""

from __future__ import annotations

from dataclasses import replace

from karst.config.spec import HealthSpec, MeshPorts, ServiceSpec
from karst.inspection import Entrypoint


def with_detected(
    spec: ServiceSpec, found: Entrypoint, ports: MeshPorts, *, called: bool
) -> ServiceSpec:
    """Fill in port, protocol and health of `spec` from its entrypoint.

    repos.yaml's own word always stands. A door, a written port or probe, or a caller
    (`called`) says that there is a port, whatever the repository looks like.
    """
    if spec.kind == "job":
        return spec
    protocol = spec.protocol
    if "protocol" not in spec.written and found.protocol is not None:
        protocol = found.protocol
    if protocol == "none" and spec.protocol != "none":
        if called or spec.publish or spec.written:
            return spec
        return replace(spec, port=None, protocol="none", health=HealthSpec("process"))
    if spec.protocol == "none":
        return spec
    port = spec.port
    if "port" not in spec.written:
        taken = {ports.inbound, ports.outbound, ports.admin}
        taken |= set() if protocol == "grpc" else {ports.grpc}
        usual = ports.grpc if protocol == "grpc" else spec.port
        port = found.port if found.port and found.port not in taken else usual
    return replace(spec, protocol=protocol, port=port)
