"""`state: {backend: target}`: the state in a volume of the stack's own on the target.

What a pipeline deploys outlives the machine of its job; so must the state, and the
target itself is a place that every team has. A run that is killed between what it did
and the volume leaves a state that is one step behind: containers that it does not know
have no traffic yet, and the next run removes them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

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

_FILE = "stack.tfstate"
# As long as Terraform waits for the lock of a state of its own.
_PATIENCE = 20.0


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
        found = read_volumes(self.engine, self.image, [self._volume], _FILE)
        return found.get(self._volume)

    def keep(self, content: bytes) -> None:
        create_volume(self.engine, self._volume, {"karst.stack": self.stack})
        file = VolumeFile(_FILE, content, 0o600)
        deliver(self.engine, self.image, {self._volume: [file]})

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock: a container that lives as long as this run's connection."""
        have_sidecar_image(self.engine, self.image)
        name = f"{self.stack}-lock"
        labels = {"karst.lock": self.stack, "karst.holder": socket.gethostname()}
        tries = Retrying(
            stop=stop_after_delay(_PATIENCE),
            wait=wait_fixed(0.5),
            retry=retry_if_result(lambda held: held is None),
            retry_error_callback=lambda _: None,
        )
        held = tries(hold, self.engine, self.image, name, labels)
        if held is None:
            raise StateLockedError(
                f"another run works on this stack, on {holder_of(self.engine, name)}",
                where=f"container '{name}' on {self.engine.host}",
                remedy="wait for it to end, and run the same command again; a run that died lets go by itself",
            )
        with held:
            yield
