"""The feed of several containers' lines, while containers come and go."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from container_states import container_state

from karst.effects.engine_facts import ContainerState, parse_time
from karst.effects.log_feed import LogLine, follow_lines, read_lines
from karst.errors import EngineError

# The engine's library looks for IPv6 with a socket when it is first imported.
pytestmark = pytest.mark.processes

GONE = EngineError("the engine refused", detail="No such container: a")
GOING = EngineError(
    "the engine refused",
    detail="can not get logs from container which is dead or marked for removal",
)
BROKEN = EngineError("the Docker engine does not answer")


def container(name: str) -> ContainerState:
    return container_state(id=name, name=name, labels={"karst.service": name})


class FakeEngine:
    """Lists `a` and `b`; `a` can't be read, and is gone when asked for anew."""

    def __init__(self, error: EngineError, *, still_there: bool = False) -> None:
        self.error, self.still_there = error, still_there
        self.lists = [(container("a"), container("b"))]
        events = iter(queue.Queue[Mapping[str, Any]]().get, {})
        self.client = SimpleNamespace(
            api=SimpleNamespace(events=lambda **_: events),
        )

    def containers(self, _: Mapping[str, str]) -> tuple[ContainerState, ...]:
        return self.lists.pop(0) if self.lists else ()

    def container(self, name: str) -> ContainerState | None:
        return container(name) if self.still_there else None

    def logs(self, name: str, **_: Any) -> Iterator[str]:
        if name == "a":
            yield "begun"
            raise self.error
        yield "well"


LINES = [LogLine("a", "begun"), LogLine("b", "well")]


def read(engine: Any) -> list[LogLine]:
    return list(read_lines(engine, {}, tail=10))


def follow(engine: Any) -> list[LogLine]:
    found = follow_lines(engine, {}, tail=10)
    return sorted(found, key=lambda line: line.service)


@pytest.mark.parametrize("way", [read, follow])
@pytest.mark.parametrize("going", [False, True])
def test_a_container_that_goes_while_it_is_read_is_no_fault(
    way: Any, going: bool
) -> None:
    """The engine tells of one that goes as of one that runs."""
    error = GOING if going else GONE
    assert way(FakeEngine(error, still_there=going)) == LINES


class Restarting:
    """An engine with one container, which starts twice more before anybody looks."""

    LOG = (
        *("2026-01-01T00:00:01.000000001Z one", "2026-01-01T00:00:01.000000002Z end"),
        *("2026-01-01T00:00:03.000000001Z two", "2026-01-01T00:00:03.000000001Z end"),
        "2026-01-01T00:00:05.000000001Z long 2026-01-01T00:00:05.000000001Z er",
    )

    def __init__(self) -> None:
        self.first = replace(container("a"), started_at="2026-01-01T00:00:01Z")
        self.last = replace(
            container("a"),
            started_at="2026-01-01T00:00:05Z",
            finished_at="2026-01-01T00:00:04Z",
        )
        self.has_ended, self.is_over = threading.Event(), False
        self.client = SimpleNamespace(api=SimpleNamespace(events=self.events))

    def events(self, **_: Any) -> Iterator[Mapping[str, Any]]:
        self.has_ended.wait(60)
        yield {"id": "a"}
        threading.Event().wait()

    def containers(self, _: Mapping[str, str]) -> tuple[ContainerState, ...]:
        return () if self.is_over else (self.first,)

    def container(self, _: str) -> ContainerState:
        return self.last

    def logs(
        self, _: str, *, since: datetime | None, tail: int | None, **__: Any
    ) -> Iterator[str]:
        if tail is not None:
            yield from self.LOG[:2]
            self.has_ended.set()
            return
        for line in self.LOG:
            if since is None or parse_time(line.partition(" ")[0]) >= since:
                yield line
        self.is_over = True


def test_a_start_that_was_over_before_anybody_looked_is_told_and_nothing_twice() -> (
    None
):
    """As where the reader of the feed is held up while a container falls again and again."""
    engine: Any = Restarting()
    lines = [line.text for line in follow_lines(engine, {}, tail=10)]
    assert lines == ["one", "end", "two", "end", "long er"]


@pytest.mark.parametrize("way", [read, follow])
def test_what_else_goes_wrong_is_told(way: Any) -> None:
    with pytest.raises(EngineError, match="does not answer"):
        way(FakeEngine(BROKEN, still_there=True))
