"""The door to the Docker engine: images, containers, logs, networks.

The engine's own sentences reach the user as the detail of an EngineError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from karst.effects.engine_facts import (
    ContainerState,
    ImageFacts,
    ListedContainer,
    NetworkFacts,
    container_state,
    label_words,
    own_digest,
)
from karst.effects.workspace import disk_full
from karst.errors import EngineError, NetworkClashError

if TYPE_CHECKING:
    import docker

# An app may print for ever without ending a line.
_LONGEST_LINE = 16 << 20
# Seconds that a removal which somebody else began is waited for.
_REMOVAL = 60

ASK_DOCTOR = "; `karst doctor` tells more"


@contextmanager
def telling(action: str) -> Iterator[None]:
    """Turn the engine library's errors into sentences."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        text = str(error.explanation or error)
        if "no space left" in text:
            raise disk_full("the engine", detail=text) from None
        if "port is already allocated" in text or "address already in use" in text:
            raise NetworkClashError(
                f"{action}: a host port is taken",
                remedy="publish on another port, or stop what listens there",
                detail=text,
            ) from None
        raise EngineError(f"{action}: the engine refused", detail=text) from None
    except (DockerException, RequestException, HTTPError, OSError) as error:
        if "SSL" in str(error):
            raise EngineError(
                f"{action}: TLS with the engine failed",
                remedy="in DOCKER_CERT_PATH, ca.pem must be the engine's CA, and cert.pem with key.pem one that it lets in",
                detail=str(error),
            ) from None
        raise EngineError(
            f"{action}: the Docker engine does not answer",
            remedy=f"start it, or name another with DOCKER_HOST or target.docker_host{ASK_DOCTOR}",
            detail=str(error),
        ) from None


@dataclass(frozen=True)
class Engine:
    """One engine. Made by `connect`; every method raises EngineError.

    Attributes:
        host: its address, as people name it.
        socket: its own socket on its own machine.
    """

    client: docker.DockerClient = field(repr=False)
    host: str
    version: str
    platform: str
    socket: str = "/var/run/docker.sock"

    # --- images ---

    def image(self, reference: str) -> ImageFacts | None:
        """Return what the engine has under `reference`, or None."""
        from docker.errors import ImageNotFound

        with telling(f"looking up image {reference}"):
            try:
                attrs: dict[str, Any] = self.client.images.get(reference).attrs
            except ImageNotFound:
                return None
        config = attrs.get("Config") or {}
        return ImageFacts(
            id=attrs["Id"],
            digest=own_digest(reference, attrs.get("RepoDigests") or ()),
            user=config.get("User") or "",
            has_healthcheck=bool((config.get("Healthcheck") or {}).get("Test")),
            volumes=tuple(config.get("Volumes") or ()),
        )

    def registry_digest(self, reference: str) -> str | None:
        """Ask the image's registry, through the engine, for its digest; None: not had."""
        from docker.errors import APIError

        with telling(f"asking a registry for {reference}"):
            try:
                return str(self.client.images.get_registry_data(reference).id)
            except APIError:
                return None

    def pull(self, reference: str) -> None:
        with telling(f"pulling {reference}"):
            self.client.images.pull(reference)

    # --- containers ---

    def containers(self, labels: Mapping[str, str]) -> tuple[ContainerState, ...]:
        """All containers, stopped ones too, that carry every label given."""
        found = [self.container(entry["Id"]) for entry in self._list(labels)]
        return tuple(sorted((c for c in found if c), key=lambda c: c.name))

    def listed(self, labels: Mapping[str, str]) -> tuple[ListedContainer, ...]:
        """The same containers in one request, by name."""
        entries = (
            ListedContainer(
                name=entry["Names"][0].lstrip("/"),
                labels=entry.get("Labels") or {},
                running=entry["State"] == "running",
            )
            for entry in self._list(labels)
            if entry.get("Names")
        )
        return tuple(sorted(entries, key=lambda c: c.name))

    def _list(self, labels: Mapping[str, str]) -> list[Any]:
        wanted = {"label": label_words(labels)}
        with telling("listing containers"):
            return list(self.client.api.containers(all=True, filters=wanted))

    def container(self, name: str) -> ContainerState | None:
        """Return one container by name or id, or None."""
        from docker.errors import NotFound

        with telling(f"looking up container {name}"):
            try:
                return container_state(self.client.api.inspect_container(name))
            except NotFound:
                return None

    def start(self, name: str) -> None:
        with telling(f"starting {name}"):
            self.client.api.start(name)

    def stop(self, name: str, *, timeout: int = 10) -> None:
        with telling(f"stopping {name}"):
            self.client.api.stop(name, timeout=timeout)

    def restart(self, name: str, *, timeout: int = 10) -> None:
        with telling(f"restarting {name}"):
            self.client.api.restart(name, timeout=timeout)

    def remove(self, name: str) -> None:
        """Remove a container; one that is gone is well, one that goes is waited for."""
        from docker.errors import APIError

        with telling(f"removing {name}"):
            try:
                self.client.api.remove_container(name, force=True, v=True)
            except APIError as error:
                if "already in progress" in str(error.explanation):
                    self._await_removal(name)
                elif error.status_code != 404:
                    raise

    def _await_removal(self, name: str) -> None:
        """Its name is free after; what takes the engine very long is left to it."""
        from requests.exceptions import RequestException

        with suppress(RequestException):  # "no such container" is one of them
            self.client.api.wait(name, timeout=_REMOVAL, condition="removed")

    def logs(
        self,
        name: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        follow: bool = False,
        timestamps: bool = False,
    ) -> Iterator[str]:
        """Yield its log's lines, without their ends; one beyond 16 MiB in parts."""
        with telling(f"reading the log of {name}"):
            stream = self.client.api.logs(
                name,
                stream=True,
                follow=follow,
                tail="all" if tail is None else tail,
                # As a number: of a date docker-py takes the whole seconds alone.
                since=since.timestamp() if since else None,
                timestamps=timestamps,
            )
            rest = bytearray()
            # The library's own wrapper takes a broken connection for the end.
            for chunk in getattr(stream, "_stream", stream):
                *lines, last = chunk.split(b"\n")
                for line in lines:
                    yield _text(bytes(rest + line))
                    rest.clear()
                rest += last
                if len(rest) > _LONGEST_LINE:
                    yield _text(bytes(rest))
                    rest.clear()
            if rest:
                yield _text(bytes(rest))

    # --- networks ---

    def remove_network(self, name: str) -> None:
        with telling(f"removing network {name}"):
            self.client.api.remove_network(name)

    def published_ports(self) -> dict[tuple[str, int], tuple[str, str]]:
        """(host address, port) => (container, its karst.stack or "")."""
        with telling("listing published ports"):
            listed = self.client.api.containers()
        return {
            (port.get("IP", ""), port["PublicPort"]): (
                entry["Names"][0].lstrip("/"),
                (entry.get("Labels") or {}).get("karst.stack", ""),
            )
            for entry in listed
            for port in entry.get("Ports") or ()
            if "PublicPort" in port
        }

    def networks(self) -> tuple[NetworkFacts, ...]:
        with telling("listing networks"):
            listed = self.client.api.networks()
        return tuple(
            NetworkFacts(
                name=entry["Name"],
                subnets=tuple(
                    part["Subnet"]
                    for part in (entry.get("IPAM") or {}).get("Config") or ()
                    if part.get("Subnet")
                ),
                labels=entry.get("Labels") or {},
            )
            for entry in listed
        )


def connect(
    host: str | None, environ: Mapping[str, str], *, shown: str = "", socket: str = ""
) -> Engine:
    """Reach the engine at `host`, or where the environment says; raises EngineError.

    `shown` and `socket` are the Engine's, where `host` is only the way to it.
    """
    address = host or environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    kind, _, path = address.partition("://")
    settings = {k: v for k, v in environ.items() if k.startswith("DOCKER_")}
    settings["DOCKER_HOST"] = address
    with telling(f"reaching the engine at {shown or address}"):
        # A pool as wide as the work: deliveries and starts go out side by side.
        client = _client_class().from_env(
            environment=settings, timeout=120, max_pool_size=32
        )
        about = client.version()
    platform = f"{about['Os']}/{about['Arch']}"
    own = socket or (path if kind == "unix" else "/var/run/docker.sock")
    return Engine(client, shown or address, str(about["Version"]), platform, own)


def _client_class() -> type[docker.DockerClient]:
    """The library's client, which trusts nothing but what it is told.

    Where REQUESTS_CA_BUNDLE is set, as behind a proxy that re-signs TLS, requests would
    check a tcp:// engine against that, and not against the CA that was given.
    """
    import docker

    class Api(docker.APIClient):
        trust_env = property(lambda _: False, lambda _, __: None)

    class Client(docker.DockerClient):
        def __init__(self, *words: Any, **named: Any) -> None:
            self.api = Api(*words, **named)

    return Client


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
