"""Which pinned refs mean another commit by now. A question, never a condition."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from karst.config.slug import Slug
from karst.config.spec import ServiceSpec
from karst.errors import KarstError
from karst.fetch.lock import LockEntry, RepoLock
from karst.fetch.remote import Comparison
from karst.pipeline.pool import DaemonPool
from karst.pipeline.sources import Sources
from karst.report.model import MovedSlug

# How long a plan waits for the answers once it has everything else.
_PATIENCE = 10.0
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_Answer = tuple[str, Comparison | None]


@dataclass(frozen=True)
class Moves:
    """What was found: who moved on, and a sentence for what could not be told."""

    moved: tuple[MovedSlug, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class MoveQuestion:
    """The question under way, asked beside everything else."""

    asked: dict[tuple[Slug, str], list[str]]
    answers: dict[tuple[Slug, str], Future[_Answer]]
    pool: DaemonPool | None = field(default=None, repr=False)

    def finish(self, patience: float = _PATIENCE) -> Moves:
        """Take what answers there are within `patience` seconds; no KarstError."""
        wait(self.answers.values(), timeout=patience)
        if self.pool:
            self.pool.close(0)
        moved, unknown = [], {}
        for (slug, old), answer in self.answers.items():
            if answer.cancelled() or not answer.done():
                unknown[str(slug)] = f"no answer within {patience:g} s"
            elif isinstance(error := answer.exception(), KarstError):
                unknown[str(slug)] = error.what
            elif error is not None:
                raise error
            else:
                new, compare = answer.result()
                moved += [
                    MovedSlug(name, str(slug), old, new, compare)
                    for name in self.asked[slug, old]
                    if new != old
                ]
        return Moves(
            tuple(sorted(moved, key=lambda m: m.service)), tuple(_notes(unknown))
        )


def _notes(unknown: dict[str, str]) -> Iterable[str]:
    by_reason: dict[str, list[str]] = {}
    for slug, reason in unknown.items():
        by_reason.setdefault(reason, []).append(slug)
    for reason, slugs in by_reason.items():
        yield f"whether {', '.join(slugs)} moved on can't be told: {reason}"


def ask_moves(
    sources: Sources, services: Iterable[ServiceSpec], pins: RepoLock
) -> MoveQuestion:
    """Begin to ask what the pinned refs mean now."""
    asked: dict[tuple[Slug, str], list[str]] = {}
    for spec in services:
        entry = pins.find(spec)
        if entry and entry.slug and not _names_commit(entry):
            asked.setdefault((entry.slug, entry.commit), []).append(spec.name)
    pool = DaemonPool() if asked else None

    def ask(slug: Slug, old: str) -> _Answer:
        new = sources.of(slug).resolve(slug, "").commit or old
        if new == old:
            return new, None
        with contextlib.suppress(KarstError):
            return new, sources.compare(slug, old, new)
        return new, None

    answers = {place: pool.submit(ask, *place) for place in asked} if pool else {}
    return MoveQuestion(asked, answers, pool)


def _names_commit(entry: LockEntry) -> bool:
    """A ref that is the pinned commit itself, written in full or short."""
    ref = entry.slug.ref if entry.slug else None
    return bool(ref and _COMMIT.fullmatch(ref) and entry.commit.startswith(ref))
