"""What the pipeline works with, and what it has in hand between its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from typing import Protocol

from karst.config.spec import StackSpec
from karst.effects.clock import Clock
from karst.effects.engine import Engine
from karst.effects.process import Processes
from karst.fetch.lock import RepoLock
from karst.pipeline.moving import Moves
from karst.pipeline.sources import Sources
from karst.pki import CertificateAuthority, Identity, Leaf
from karst.secret import Secret
from karst.terraform import Applied, Plan, Session
from karst.terraform.ledger import Prepared


class Progress(Protocol):
    """Where steps are told; the terminal, a log, or nowhere."""

    def step(self, text: str) -> None:
        """A stage begins."""
        ...

    def line(self, text: str) -> None:
        """Something within a stage."""
        ...


class Authorities(Protocol):
    """Where the stack's CA and its certificates are: `./secrets`, or the target."""

    def authority(
        self, stack: str, *, expected: str, now: datetime
    ) -> CertificateAuthority:
        """The stack's one CA. `expected` is the fingerprint that running services
        trust, or ""; raises CertificateError rather than make a second CA."""
        ...

    def leaf(
        self,
        authority: CertificateAuthority,
        identity: Identity,
        *,
        now: datetime,
        lifetime: timedelta,
    ) -> Leaf:
        """A certificate that is good for at least half its life from `now`."""
        ...

    def save(self) -> None:
        """Have every certificate issued so far kept for good."""
        ...


@dataclass(frozen=True)
class Tools:
    """The doors and settings of one run.

    Attributes:
        root: the folder of repos.yaml.
        bootstrap: the template of Envoy's bootstrap.
        app_template: the template of an app's Dockerfile.
        secret_values: name => value of everything that `secrets:` may name.
    """

    engine: Engine
    processes: Processes
    session: Session
    clock: Clock
    progress: Progress
    authorities: Authorities
    root: Path
    sidecar_image: str
    bootstrap: Template
    app_template: str
    leaf_lifetime: timedelta
    secret_values: Mapping[str, Secret] = field(repr=False)
    sources: Sources

    def alone(self) -> AbstractContextManager[None]:
        """Keep other runs off the stack, and tell where it waits for one."""
        return self.session.alone(self.progress.step)


BuildAll = Callable[[], None]


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from, so that apply needs nothing else.

    Attributes:
        applied: what the state said was there before.
        lock: what it was made of: a plan with these pins has the same images.
        moves: which pinned refs mean another commit by now.
        notes: sentences for whoever reads the plan.
        missing: service => build or pull of its image, run by apply.
    """

    spec: StackSpec
    prepared: Mapping[str, Prepared]
    applied: Applied
    plan: Plan
    missing: Mapping[str, BuildAll]
    lock: RepoLock
    moves: Moves
    notes: tuple[str, ...] = ()


@dataclass
class Stopwatch:
    """Seconds per stage, in the order they ran."""

    clock: Clock
    stages: dict[str, float] = field(default_factory=dict)

    def measure(self, stage: str) -> _Lap:
        return _Lap(self, stage)


@dataclass
class _Lap:
    watch: Stopwatch
    stage: str
    began: float = 0.0

    def __enter__(self) -> None:
        self.began = self.watch.clock.monotonic()

    def __exit__(self, *_: object) -> None:
        spent = self.watch.clock.monotonic() - self.began
        self.watch.stages[self.stage] = self.watch.stages.get(self.stage, 0.0) + spent
