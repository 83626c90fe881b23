"""A fake forge with a repository, and the real forge's code to ask it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karst.fetch.remote import Forge
from karst.forges.access import ForgeAccess, Kind
from karst.forges.http_options import HttpOptions
from karst.forges.open import open_forge
from karst.secret import Secret
from tests.fakes.bitbucket import FakeBitbucket
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.hosting import Hosting, User
from tests.fakes.repositories import GitRepository
from tests.fakes.server import await_askers

TOKEN = "ghp_canary0123456789canary"
OTHER_TOKEN = "ghp_other9876543210other"


@dataclass
class FakeTime:
    """A clock that sleeping moves, and nothing else."""

    seconds: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def options(self, **changed: Any) -> HttpOptions:
        """Patience that only sleeping uses up, however slow the machine is."""
        clock = {"monotonic": self.now, "sleep": self.sleep}
        return HttpOptions(**{**clock, **changed})


@dataclass
class World:
    """A fake forge with the repository `path`, and ways to ask it."""

    kind: Kind
    fake: Any
    folder: Path
    repository: GitRepository
    time: FakeTime = field(default_factory=FakeTime)
    path: str = "acme/web"
    opened: list[Any] = field(default_factory=list)

    def options(self, **changed: Any) -> HttpOptions:
        return self.time.options(**{"now": self.time.now, **changed})

    def access(self, token: str | None = TOKEN, **changed: Any) -> ForgeAccess:
        secret = Secret(token) if token else None
        return ForgeAccess(self.kind, self.fake.api, self.fake.url, secret, **changed)

    def forge(self, token: str | None = TOKEN, **changed: Any) -> Forge:
        forge = open_forge(self.kind, self.access(token), self.options(**changed))
        self.opened.append(forge)
        return forge

    def slug(self, ref: str = "", path: str = "") -> str:
        return f"{self.kind}:{path or self.path}" + (f"#{ref}" if ref else "")


@contextmanager
def open_world(kind: Kind, folder: Path) -> Iterator[World]:
    """One commit on `main`; TOKEN belongs to "ada", OTHER_TOKEN sees nothing private."""
    kinds: dict[Kind, type[Hosting]] = {
        "gh": FakeGitHub,
        "gl": FakeGitLab,
        "bb": FakeBitbucket,
    }
    tokens = {TOKEN: User("ada"), OTHER_TOKEN: User("eve", 2, sees=frozenset())}
    with kinds[kind](tokens=tokens) as fake:
        repository = fake.add("acme/web", folder / "acme-web")
        repository.commit({"main.py": "print('hello')\n"}, "First")
        world = World(kind, fake, folder, repository)
        try:
            yield world
        finally:
            await_askers()
            for forge in world.opened:
                forge.close()
    assert (fake.violations, fake.crashes) == ([], [])
