"""Where a stack's authority and certificates are kept: a folder, or the target."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from karst.effects.engine import Engine
from karst.effects.engine_volumes import (
    VolumeFile,
    create_volume,
    deliver,
    list_volumes,
    read_volumes,
)
from karst.effects.workspace import atomic_write, private_directory


class KeptFiles(Protocol):
    """Small private texts by name: `ca.pem`, `ca.key`, `{service}.crt|key`."""

    @property
    def where(self) -> str:
        """The place, for people."""
        ...

    def read(self, name: str) -> str | None:
        """The text of that name, or None."""
        ...

    def write(self, name: str, text: str) -> None:
        """Keep a text; it may be lost until `save`."""
        ...

    def save(self) -> None:
        """Have everything written kept for good."""
        ...


@dataclass(frozen=True)
class FolderFiles:
    """A 0700 folder with files 0600: `./secrets` on a terminal."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def read(self, name: str) -> str | None:
        file = self.path / name
        return file.read_text() if file.exists() else None

    def write(self, name: str, text: str) -> None:
        private_directory(self.path)
        atomic_write(self.path / name, text, mode=0o600)

    def save(self) -> None:
        """Each write is kept at once."""


@dataclass
class TargetFiles:
    """A volume of the stack's own on the target, which no container mounts.

    A pipeline's machine is gone after each job; the target stays. Whoever may speak
    to the engine is root on the target: keeping the key there gives it to nobody new.
    """

    engine: Engine
    image: str
    stack: str
    _written: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        return f"the volume '{self._volume}' on {self.engine.host}"

    @property
    def _volume(self) -> str:
        return f"{self.stack}-pki"

    @cached_property
    def _kept(self) -> dict[str, str]:
        labels = {"karst.stack": self.stack}
        if all(v.name != self._volume for v in list_volumes(self.engine, labels)):
            return {}
        found = read_volumes(self.engine, self.image, [self._volume], _FILE)
        content = found.get(self._volume)
        texts: dict[str, str] = json.loads(content) if content else {}
        return texts

    def read(self, name: str) -> str | None:
        return self._written.get(name) or self._kept.get(name)

    def write(self, name: str, text: str) -> None:
        self._written[name] = text

    def save(self) -> None:
        if not self._written:
            return
        self._kept.update(self._written)
        self._written.clear()
        create_volume(self.engine, self._volume, {"karst.stack": self.stack})
        content = json.dumps(self._kept, sort_keys=True).encode()
        file = VolumeFile(_FILE, content, 0o600)
        deliver(self.engine, self.image, {self._volume: [file]})


_FILE = "pki.json"
