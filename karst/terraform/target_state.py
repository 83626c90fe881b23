"""`state: {backend: target}`: the state in a volume of the stack's own on the target.

What a pipeline deploys outlives the machine of its job; so must the state, and the
target itself is a place that every team has. A run that is killed between what it did
and the volume, or on the way into it, leaves a state that is one step behind: containers
that it does not know have no traffic yet, and the next run removes them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from karst.build.sidecar import have_sidecar_image
from karst.effects.engine import Engine
from karst.effects.engine_volumes import (
    VolumeFile,
    create_volume,
    deliver,
    list_volumes,
    read_volumes,
)
from karst.effects.held import hold, holder_of
from karst.errors import StateLockedError
from karst.terraform.state_file import Progress, is_state

_FILE = "stack.tfstate"
# The same again, written after it: the engine writes a file in its place, as it comes in,
# so a run that is killed then tears one of the two.
_SECOND = "stack.tfstate.second"
# As long as Terraform waits for the lock of a state of its own.
_PATIENCE = 20.0
_PAUSE = 0.5
# After a second or so of waiting.
_TOLD_AT = 3


@dataclass(frozen=True)
class TargetStateKeeper:
    """Keeps the state in the volume `<stack>-state`, for one run at a time."""

    engine: Engine
    image: str
    stack: str

    @property
    def _volume(self) -> str:
        return f"{self.stack}-state"

    def fetch(self) -> bytes | None:
        labels = {"karst.stack": self.stack}
        if all(v.name != self._volume for v in list_volumes(self.engine, labels)):
            return None
        have_sidecar_image(self.engine, self.image)
        first = self._read(_FILE)
        if first is not None and is_state(first):
            return first
        second = self._read(_SECOND)
        return first if second is None else second

    def _read(self, name: str) -> bytes | None:
        found = read_volumes(self.engine, self.image, [self._volume], name)
        return found.get(self._volume)

    def keep(self, content: bytes) -> None:
        create_volume(self.engine, self._volume, {"karst.stack": self.stack})
        files = [VolumeFile(name, content, 0o600) for name in (_FILE, _SECOND)]
        deliver(self.engine, self.image, {self._volume: files})

    @contextmanager
    def alone(self, tell: Progress | None) -> Iterator[None]:
        """Hold the lock: a container that lives as long as this run's connection."""
        have_sidecar_image(self.engine, self.image)
        name = f"{self.stack}-lock"
        labels = {"karst.lock": self.stack, "karst.holder": socket.gethostname()}
        take = partial(hold, self.engine, self.image, name, labels)
        tries = Retrying(
            stop=stop_after_delay(_PATIENCE),
            wait=wait_fixed(_PAUSE),
            retry=retry_if_result(lambda held: held is None),
            # Once more: an engine that was slow to say no may say yes by now.
            retry_error_callback=lambda _: take(),
            before_sleep=partial(_tell_of_waiting, tell),
        )
        held = tries(take)
        if held is None:
            raise StateLockedError(
                f"another run works on this stack, on {holder_of(self.engine, name)}",
                where=f"container '{name}' on {self.engine.host}",
                remedy="wait for it to end, and run the same command again; a run that died lets go by itself",
            )
        with held:
            yield


def _tell_of_waiting(tell: Progress | None, so_far: RetryCallState) -> None:
    if tell and so_far.attempt_number == _TOLD_AT:
        tell("waiting for another run on this stack")
