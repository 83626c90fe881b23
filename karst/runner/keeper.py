"""Puts right what the engine does not: one container per engine, with its socket alone.

It starts apps whose sidecar was restarted, apps that ended though nobody stopped them,
and sidecars that the engine gave up. It never creates, removes or changes anything.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, NoReturn, Protocol

from karst.runner.engine_socket import EngineRefusal, EngineSocket
from karst.runner.pairs import Container, Step, plan_steps, read_container

INTERVAL = 5.0
REFRESH = 60.0
# Where an engine has no memory of more, its replay is shorter.
REPLAY = 3600.0
FIRST_PAUSE, LONGEST_PAUSE, STEADY = 1.0, 30.0, 60.0
SEAL_WAIT = 0.3
STOP_GRACE = 3
# An engine under load has told of a stop two seconds after the end that came of it.
STOP_WAIT = 20.0
AT_ONCE = 8
SEALED = b"karst-agent: sealed\n"


class Engine(Protocol):
    def containers(self) -> list[dict[str, Any]]: ...
    def inspect(self, container: str) -> dict[str, Any] | None: ...
    def start(self, container: str) -> None: ...
    def restart(self, container: str, grace: int) -> None: ...
    def has_logged(self, container: str, line: bytes, since: float) -> bool: ...
    def events(self, since: float) -> Iterable[dict[str, Any]]: ...
    def past(
        self, container: str, kinds: Iterable[str], since: float
    ) -> Iterable[dict[str, Any]]: ...


class Attempts(NamedTuple):
    """How often a container was started lately, and when last (epoch seconds)."""

    tries: int = 0
    last: float = 0.0


class Keeper:
    """Times are epoch seconds, for the engine's are.

    `began`: since when events are heard for certain; 0: since ever. Of older ones the
    engine keeps the last 256, of whatever kind: minutes where it has much to do.
    """

    def __init__(self, engine: Engine, began: float = 0.0) -> None:
        self._engine, self._began = engine, began
        self._known: dict[str, Container] = {}
        self._changed: set[str] = set()
        self._refreshed = 0.0
        self._stopped: dict[str, float] = {}
        # Until when a stop of this container was the keeper's own doing.
        self._own_stops: dict[str, float] = {}
        self._attempts: dict[str, Attempts] = {}
        self._sealed: dict[str, float] = {}
        self._warned: set[str] = set()
        self.wake = threading.Event()

    def watch(self) -> NoReturn:
        """Follow the engine's events for good, across every break of the stream."""
        since = time.time() - REPLAY
        while True:
            try:
                for event in self._engine.events(since):
                    since = max(since, event["timeNano"] / 1e9)
                    self.notice(event)
            except (OSError, ValueError, KeyError, EngineRefusal) as error:
                say(f"the engine's events broke off: {error}")
            self._refreshed = 0.0
            self.wake.set()
            time.sleep(1.0)

    def notice(self, event: dict[str, Any]) -> None:
        """Take in one event of the engine's."""
        container, at = event["Actor"]["ID"], event["timeNano"] / 1e9
        self._changed.add(container)
        if event["Action"] == "stop" and at > self._own_stops.get(container, 0.0):
            self._stopped[container] = at
        self.wake.set()

    def reconcile(self, now: float) -> float:
        """Do what is due; returns the seconds until something else is."""
        plan = plan_steps(self._look(now), self._stopped)
        for warning in set(plan.warnings) - self._warned:
            say(warning)
        self._warned = set(plan.warnings)
        due = [step for step in plan.steps if self._due_in(step, now) <= 0.0]
        later = [self._due_in(step, now) for step in plan.steps if step not in due]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = list(pool.map(self._carry_out, due))
        waits = [] if all(done) else [SEAL_WAIT]
        return min([INTERVAL, *later, *waits])

    def _look(self, now: float) -> list[Container]:
        """All labelled containers, inspecting only those that may have changed."""
        if now - self._refreshed > REFRESH:
            self._known.clear()
            self._refreshed = now
        # What changes from here on is looked at in the next round.
        changed, self._changed = self._changed, set()
        for container in changed:
            self._known.pop(container, None)
        seen = []
        rows = self._engine.containers()
        for row in rows:
            known = self._known.get(row["Id"])
            if known is None or known.state != row["State"]:
                details = self._engine.inspect(row["Id"])
                if details is None:
                    continue
                known = read_container(details)
                self._known[row["Id"]] = known
                if known.told_to_end and known.finished_at < self._began:
                    self._stopped.setdefault(known.id, known.finished_at)
            seen.append(known)
        self._forget({row["Id"] for row in rows})
        return seen

    def _forget(self, alive: set[str]) -> None:
        memories: tuple[dict[str, Any], ...] = (
            self._known,
            self._stopped,
            self._own_stops,
            self._attempts,
            self._sealed,
        )
        for memory in memories:
            for gone in set(memory) - alive:
                memory.pop(gone, None)

    def _lately(self, step: Step) -> Attempts:
        """Attempts that still count: not those from before a steady run or a new seal."""
        container, sidecar = step.container, step.sidecar
        attempts = self._attempts.get(container.id, Attempts())
        steady = container.finished_at - container.started_at >= STEADY
        renewed = sidecar is not None and sidecar.started_at > attempts.last
        return Attempts() if steady or renewed else attempts

    def _due_in(self, step: Step, now: float) -> float:
        """Seconds, or less than none where it is due."""
        attempts, container, sidecar = self._lately(step), step.container, step.sidecar
        orphaned = sidecar is not None and container.started_at < sidecar.started_at
        if orphaned and not attempts.tries:
            return 0.0
        pause: float = min(FIRST_PAUSE * 2 ** min(attempts.tries, 10), LONGEST_PAUSE)
        last = max(container.finished_at, attempts.last)
        # Where the clock was set back meanwhile, nobody waits until it is that late again.
        return last + pause - now if last < now + LONGEST_PAUSE else 0.0

    def _carry_out(self, step: Step) -> bool:
        """Start what the step names; False where it has to wait for a seal or a stop."""
        container = step.container
        try:
            if step.sidecar and not self._is_sealed(step.sidecar):
                return False
            if self._is_told_to_end(step):
                return False
            tries = self._lately(step).tries
            self._attempts[container.id] = Attempts(tries + 1, time.time())
            if step.restart:
                # In one call: of a keeper that ends between two, the stop that is left
                # would look like a user's.
                self._own_stops[container.id] = time.time() + 60.0
                self._engine.restart(container.id, STOP_GRACE)
                self._own_stops[container.id] = time.time()
            else:
                self._engine.start(container.id)
            say(f"started {container.name}: {step.reason}")
        except (OSError, EngineRefusal) as error:
            say(f"could not start {container.name}: {error}")
        self._changed.add(container.id)
        return True

    def _is_told_to_end(self, step: Step) -> bool:
        """Whether a user has stopped it, or seems to: the engine shows an end before it
        tells of the stop, and what it tells comes by another way than what it shows."""
        container, sidecar = step.container, step.sidecar
        since = max(container.started_at, sidecar.started_at if sidecar else 0.0)
        under_way = False
        for event in self._engine.past(container.id, ("kill", "stop"), since):
            if event["Action"] == "stop":
                self.notice(event)
                under_way = False
            elif event["Actor"]["Attributes"].get("signal") != f"{signal.SIGKILL:d}":
                under_way = True
        if self._stopped.get(container.id, 0.0) > since:
            return True
        return under_way and abs(time.time() - container.finished_at) < STOP_WAIT

    def _is_sealed(self, sidecar: Container) -> bool:
        if self._sealed.get(sidecar.id) != sidecar.started_at:
            # The engine may stamp a start later than the first line that follows it, so
            # the end before that start is the mark; and a last line later than an end,
            # though not than its event.
            ended = sidecar.finished_at
            if ended:
                past = self._engine.past(sidecar.id, ("die",), ended)
                ended = max([ended, *(event["timeNano"] / 1e9 for event in past)])
            if not self._engine.has_logged(sidecar.id, SEALED, ended):
                return False
            self._sealed[sidecar.id] = sidecar.started_at
        return True


def say(text: str) -> None:
    print(f"karst-keeper: {text}", flush=True)


def run_keeper() -> int:
    """Keep for good; ends at SIGTERM with 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    keeper = Keeper(EngineSocket(), began=time.time())
    threading.Thread(target=keeper.watch, daemon=True).start()
    while True:
        pause = INTERVAL
        keeper.wake.clear()
        try:
            pause = keeper.reconcile(time.time())
        except (OSError, ValueError, KeyError, EngineRefusal) as error:
            say(f"the engine does not answer: {error}")
        keeper.wake.wait(max(0.1, pause))
