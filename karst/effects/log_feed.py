"""The log lines of several containers in one feed, also of those that come later."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from karst.effects.engine import Engine, telling
from karst.effects.engine_facts import ContainerState, label_words, parse_time
from karst.errors import EngineError

_SERVICE = "karst.service"
# Whoever prints may be slower than whoever logs.
_AHEAD = 1000
# When the engine got a line, always as many digits; before each piece of a long one.
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")


@dataclass(frozen=True)
class LogLine:
    """One line, without its end, and the service whose container wrote it."""

    service: str
    text: str


@dataclass(frozen=True)
class _Moment:
    """A container started, or was removed."""

    container: str


@dataclass(frozen=True)
class _Ended:
    """There is no more to read of a container for now."""

    container: str


_Entry = LogLine | _Moment | _Ended | EngineError


def read_lines(
    engine: Engine, labels: Mapping[str, str], *, tail: int
) -> Iterator[LogLine]:
    """The last `tail` lines of each container with these labels, one after the other.

    Args:
        labels: as `Engine.containers` takes them, `karst.service` among them.
    """
    for container in engine.containers(labels):
        try:
            for text in engine.logs(container.id, tail=tail):
                yield LogLine(container.labels[_SERVICE], text)
        except EngineError as error:
            if not _is_removal(engine, container.id, error):
                raise


def follow_lines(
    engine: Engine, labels: Mapping[str, str], *, tail: int
) -> Iterator[LogLine]:
    """The same, and every line that comes after, as it comes.

    A container that starts again, or that is new (another release), is read from that
    start on. Ends where nothing is left that could write: all are removed, or are jobs
    that have ended. Raises EngineError where the engine goes away.
    """
    entries: queue.Queue[_Entry] = queue.Queue(_AHEAD)
    # Asked for first: what starts while the others are listed is not missed.
    moments = _open_moments(engine, labels)
    threading.Thread(target=_watch, args=(moments, entries), daemon=True).start()
    readers = _Readers(engine, entries)
    for container in engine.containers(labels):
        readers.take(container, tail=tail)
    while True:
        entry = entries.get()
        if isinstance(entry, LogLine):
            yield entry
            continue
        if isinstance(entry, EngineError):
            raise entry
        if isinstance(entry, _Ended):
            readers.ended(entry.container)
        elif (found := engine.container(entry.container)) and found.started_at:
            readers.take(found)
        if not readers.busy and not _may_go_on(engine, labels):
            return


def _may_go_on(engine: Engine, labels: Mapping[str, str]) -> bool:
    """A stopped app is started again by the keeper, a job that has ended by nobody."""
    return any(
        not (c.labels.get("karst.start") == "once" and c.finished_at and not c.running)
        for c in engine.containers(labels)
    )


def _open_moments(
    engine: Engine, labels: Mapping[str, str]
) -> Iterable[Mapping[str, Any]]:
    """The engine's word of every such container that starts or is removed from now on."""
    kinds = {
        "type": "container",
        "event": ["start", "destroy"],
        "label": label_words(labels),
    }
    with telling("watching containers"):
        found: Iterable[Mapping[str, Any]] = engine.client.api.events(
            decode=True, filters=kinds
        )
    return found


def _watch(moments: Iterable[Mapping[str, Any]], entries: queue.Queue[_Entry]) -> None:
    try:
        with telling("watching containers"):
            for moment in moments:
                entries.put(_Moment(str(moment["id"])))
    except EngineError as error:
        entries.put(error)
    else:
        entries.put(EngineError("the engine ended the list of what happens"))


class _Readers:
    """A thread for each container that is being read."""

    def __init__(self, engine: Engine, entries: queue.Queue[_Entry]) -> None:
        self._engine = engine
        self._entries = entries
        # Container => the start that is read, by the engine's clock.
        self._read: dict[str, str] = {}
        # Container => when its last line was written, by the engine's clock.
        self._last: dict[str, str] = {}
        self._alive: set[str] = set()
        self._next: dict[str, ContainerState] = {}

    @property
    def busy(self) -> bool:
        return bool(self._alive)

    def take(self, container: ContainerState, *, tail: int | None = None) -> None:
        """Read it, from its last line on or its last `tail` lines; once for each start."""
        if self._read.get(container.id) == container.started_at:
            return
        if container.id in self._alive:
            self._next[container.id] = container  # its former start ends in a moment
            return
        since = None
        if tail is None and self._read.get(container.id):
            # By the time of this look it may have started more than once.
            last = self._last.get(container.id)
            since = parse_time(last) if last else container.first_line_after
        self._read[container.id] = container.started_at
        self._alive.add(container.id)
        words = (container, tail, since)
        work = threading.Thread(target=self._run, args=words, daemon=True)
        work.start()

    def ended(self, container: str) -> None:
        self._alive.discard(container)
        if again := self._next.pop(container, None):
            self.take(again)

    def _run(
        self, container: ContainerState, tail: int | None, since: datetime | None
    ) -> None:
        told = self._last.get(container.id, "")
        try:
            lines = self._engine.logs(
                container.id, tail=tail, since=since, follow=True, timestamps=True
            )
            for line in lines:
                if stamp := _STAMP.match(line):
                    if stamp[1] <= told:
                        continue
                    self._last[container.id] = max(
                        stamp[1], self._last.get(container.id, "")
                    )
                    line = line.replace(stamp[0], "")
                self._entries.put(LogLine(container.labels[_SERVICE], line))
        except EngineError as error:
            if not _is_removal(self._engine, container.id, error):
                self._entries.put(error)
        finally:
            self._entries.put(_Ended(container.id))


def _is_removal(engine: Engine, container: str, error: EngineError) -> bool:
    """A container that is removed while it is read is no fault."""
    # The engine's words for one that goes; it may be told as running still.
    if "marked for removal" in error.detail:
        return True
    try:
        return engine.container(container) is None
    except EngineError:
        return False
