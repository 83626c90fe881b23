"""A service as it is written: its place in the file, its model, its name."""

from __future__ import annotations

from dataclasses import dataclass

from karst.config.document import Path
from karst.config.faults import Fault
from karst.config.schema import ServiceModel
from karst.config.slug import Slug
from karst.config.spec import MeshPorts, Protocol
from karst.errors import ConfigError


@dataclass(frozen=True)
class WrittenService:
    """One entry of the list; `name` is "" where none can be told."""

    path: Path
    model: ServiceModel
    name: str
    slug: Slug | None
    ports: MeshPorts

    @property
    def protocol(self) -> Protocol:
        """What is written; else none for jobs and http for services."""
        return self.model.protocol or ("none" if self.model.kind == "job" else "http")

    @property
    def port(self) -> int | None:
        """What is written; else the protocol's usual port."""
        usual: dict[str, int] = {"http": 8000, "grpc": self.ports.grpc}
        return self.model.port or usual.get(self.protocol)

    def fault(
        self,
        what: str,
        remedy: str,
        *at: str | int,
        error: type[ConfigError] = ConfigError,
    ) -> Fault:
        """Return a fault at `at` below this service."""
        return Fault((*self.path, *at), what, remedy, error)
