"""A state that is a file: mended after a crash, and kept on the target where asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from karst.effects.workspace import atomic_write

Progress = Callable[[str], None]


class StateKeeper(Protocol):
    """A place beyond this machine where the state's file is kept between runs."""

    def alone(self, tell: Progress | None) -> AbstractContextManager[None]:
        """Keep every other run out, and tell of a wait; raises StateLockedError."""
        ...

    def fetch(self) -> bytes | None:
        """The state as kept last, or None."""
        ...

    def keep(self, content: bytes) -> None:
        """Keep this state from now on."""
        ...


@dataclass(frozen=True)
class StateFile:
    """Terraform's local state, in its working directory.

    Attributes:
        keeper: where it is kept between runs; None: where it stands.
    """

    path: Path
    keeper: StateKeeper | None = None

    def alone(self, tell: Progress | None) -> AbstractContextManager[None]:
        return self.keeper.alone(tell) if self.keeper else nullcontext()

    def prepare(self) -> None:
        """Have the state in place, whole.

        Terraform empties the file and then writes it (local backend, 1.11): killed in
        between, it would take the stack for one that was never applied.
        """
        kept = self.keeper.fetch() if self.keeper else None
        if kept is not None:
            atomic_write(self.path, kept, mode=0o600)
            return
        torn = self.path.is_file() and not _is_state(self.path)
        if torn and _is_state(self._before):
            atomic_write(self.path, self._before.read_bytes(), mode=0o600)

    def during(self, change: Callable[[], None]) -> None:
        """Run `change`, which writes the state, and keep what it wrote, failed or not."""
        if _is_state(self.path):
            atomic_write(self._before, self.path.read_bytes(), mode=0o600)
        try:
            change()
        finally:
            if self.keeper and _is_state(self.path):
                self.keeper.keep(self.path.read_bytes())

    @property
    def _before(self) -> Path:
        return self.path.with_suffix(".before")


def is_state(content: bytes) -> bool:
    """Whether this is a state, and all of it."""
    try:
        return "lineage" in json.loads(content)
    except ValueError:
        return False


def _is_state(file: Path) -> bool:
    try:
        return is_state(file.read_bytes())
    except OSError:
        return False
