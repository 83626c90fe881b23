"""What an engine tells of containers, images and networks, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ContainerState:
    """A container of ours, as the engine tells of it.

    `health` is the engine's word where the image or the service has a HEALTHCHECK
    ("healthy", "unhealthy", "starting"), else "". `started_at` is "" before a first
    start, else RFC 3339.
    """

    id: str
    name: str
    labels: Mapping[str, str]
    status: str
    started_at: str
    finished_at: str
    exit_code: int
    oom_killed: bool
    restarts: int
    health: str
    image: str
    error: str

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True)
class ListedContainer:
    """What a list of containers tells without asking for each."""

    name: str
    labels: Mapping[str, str]
    running: bool


@dataclass(frozen=True)
class ImageFacts:
    """What an image says of itself; `user` as written in it, "" for root."""

    id: str
    digest: str
    user: str
    has_healthcheck: bool
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class NetworkFacts:
    """A network and what it covers."""

    name: str
    subnets: tuple[str, ...]
    labels: Mapping[str, str]
