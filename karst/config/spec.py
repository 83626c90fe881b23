"""What repos.yaml says, as frozen values: StackSpec and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from karst.config.slug import Slug

Protocol = Literal["http", "grpc", "tcp", "none"]
Kind = Literal["service", "job"]
ProbeKind = Literal["http", "grpc", "tcp", "command", "process"]


@dataclass(frozen=True)
class HealthSpec:
    """How a service is asked for its health.

    Attributes:
        kind: what is asked: an HTTP GET (2xx or 3xx is well), `grpc.health.v1`, a TCP
            connect, a command in the app's container (0 is well), or only that the
            process stays up.
        target: the HTTP path, the gRPC service name ("" for the server), or "".
        command: the argv for kind "command".
        grace, interval, timeout: seconds; `grace` is how long a start may take.
    """

    kind: ProbeKind
    target: str = ""
    command: tuple[str, ...] = ()
    grace: float = 30.0
    interval: float = 2.0
    timeout: float = 2.0


@dataclass(frozen=True)
class SmokeSpec:
    """One request of an end-to-end run, and what is wanted of its answer.

    `status` is None where any below 400 will do, `contains` is "" for any text;
    `timeout` are seconds.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    status: int | None = None
    contains: str = ""
    timeout: float = 10.0


@dataclass(frozen=True)
class BuildSpec:
    """How an image is built: `with_` is "auto", "template" or "dockerfile"."""

    with_: Literal["auto", "template", "dockerfile"] = "auto"
    ca_bundle: str | None = None
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishSpec:
    """A door for browsers: host address and port; with TLS where `tls` is set.

    `tls` is "" (plain HTTP), "stack" (a certificate of the stack's CA), or
    "secrets" (PEM texts in the two secrets named by `certificate` and `key`).
    """

    address: str
    port: int
    tls: Literal["", "stack", "secrets"] = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True)
class Resources:
    """Limits of an app container: CPUs (1.0 is one core), memory in bytes."""

    cpus: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class ServiceSpec:
    """One service as written, defaults filled in.

    Exactly one of `slug` and `image` is set. `calls` is None where repos.yaml is
    silent, so that `mesh.default` decides. `port` is None where `protocol` is "none".
    `line` is the line of repos.yaml on which the service begins (0: unknown);
    `written` names those of port, protocol and health that repos.yaml gives itself,
    so that what a repository says of them does not count.
    """

    name: str
    slug: Slug | None = None
    image: str | None = None
    path: str = ""
    entrypoint: str | tuple[str, ...] | None = None
    detection: Literal["declared", "conventional"] = "declared"
    port: int | None = 8000
    protocol: Protocol = "http"
    kind: Kind = "service"
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    health: HealthSpec = HealthSpec("tcp")
    smoke: tuple[SmokeSpec, ...] = ()
    calls: tuple[str, ...] | None = None
    publish: PublishSpec | None = None
    build: BuildSpec = BuildSpec()
    volumes: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    user: str | None = None
    line: int = 0
    written: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class MeshPorts:
    """The ports of every sidecar; `grpc` is shared with apps that speak gRPC."""

    inbound: int = 15000
    outbound: int = 15001
    admin: int = 9901
    grpc: int = 50051


@dataclass(frozen=True)
class MeshSpec:
    """The network and who may call whom where a service does not say."""

    network: str = "iacnet"
    subnet: str = "172.20.0.0/16"
    default: Literal["allow", "deny"] = "allow"
    keeper: bool = True
    ports: MeshPorts = MeshPorts()


@dataclass(frozen=True)
class TargetSpec:
    """The engine; None is the one at hand (DOCKER_HOST or the local socket)."""

    docker_host: str | None = None


@dataclass(frozen=True)
class StateSpec:
    """Terraform's backend and its settings."""

    backend: str = "local"
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StackSpec:
    """A whole repos.yaml. Service names are unique; order is the file's.

    `source` is what messages call the file.
    """

    name: str
    services: tuple[ServiceSpec, ...]
    mesh: MeshSpec = MeshSpec()
    target: TargetSpec = TargetSpec()
    state: StateSpec = StateSpec()
    source: str = field(default="repos.yaml", compare=False)

    def service(self, name: str) -> ServiceSpec:
        """Return the service called `name`; raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def callees(self, name: str) -> tuple[str, ...]:
        """Names that `name` may call, in file order, itself left out.

        Services without a port (workers, jobs) can't be called.
        """
        spec = self.service(name)
        callable_names = [s.name for s in self.services if s.port and s.name != name]
        if spec.calls is not None:
            return tuple(n for n in callable_names if n in spec.calls)
        return tuple(callable_names) if self.mesh.default == "allow" else ()
