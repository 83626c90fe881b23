"""What an engine tells of containers, images and networks, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# The engine answers "never" for a container that was only created.
_NEVER = "0001-01-01T00:00:00Z"
# How much later than a first line a busy engine may stamp its start.
_STAMPS_APART = timedelta(seconds=1)


def parse_time(text: str) -> datetime:
    """A moment as the engine writes it: RFC 3339, UTC, nanoseconds."""
    # Python reads microseconds.
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6] or '0':0<6}+00:00")


def label_words(labels: Mapping[str, str]) -> list[str]:
    """Labels as the engine's filters want them; "" stands for any value."""
    return [f"{key}={value}" if value else key for key, value in labels.items()]


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
    image_id: str = ""

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def first_line_after(self) -> datetime:
        """A moment before the first log line of its last start, and after the lines of
        the one before; for a container that was started.

        The engine stamps lines, starts and ends apart from each other: a first line may
        bear an earlier time than its start, a last one a later than its end, by
        milliseconds each.
        """
        started = parse_time(self.started_at)
        margin = _STAMPS_APART
        if self.finished_at and (ended := parse_time(self.finished_at)) < started:
            margin = min(margin, (started - ended) / 2)
        return started - margin


@dataclass(frozen=True)
class ListedContainer:
    """What a list of containers tells without asking for each."""

    name: str
    labels: Mapping[str, str]
    running: bool


@dataclass(frozen=True)
class ImageFacts:
    """What an image says of itself; `user` as written in it, "" for root.

    `digest` is what the registry of the name that was asked for calls it, or "".
    """

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


def own_digest(reference: str, listed: Iterable[str]) -> str:
    """The digest among `listed` (`repository@digest`) that `reference`'s own registry
    gave; "" where none did.

    An image that was tagged anew is known to its first repository only: a digest of
    that one means nothing under the new name.
    """
    repository = _repository(reference)
    for each in listed:
        name, _, digest = each.partition("@")
        if _repository(name) == repository:
            return digest
    return ""


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    for prefix in ("index.docker.io/", "docker.io/"):
        name = name.removeprefix(prefix)
    return name.removeprefix("library/")


def container_state(attrs: Mapping[str, Any]) -> ContainerState:
    """The engine's own document of one container, as a value."""
    state = attrs["State"]
    started, finished = state["StartedAt"], state["FinishedAt"]
    return ContainerState(
        id=attrs["Id"],
        name=attrs["Name"].lstrip("/"),
        labels=attrs["Config"].get("Labels") or {},
        status=state["Status"],
        started_at="" if started == _NEVER else started,
        finished_at="" if finished == _NEVER else finished,
        exit_code=state["ExitCode"],
        oom_killed=bool(state.get("OOMKilled")),
        restarts=attrs.get("RestartCount", 0),
        health=(state.get("Health") or {}).get("Status", ""),
        image=attrs["Config"]["Image"],
        error=state.get("Error") or "",
        image_id=attrs.get("Image") or "",
    )
