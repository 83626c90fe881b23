"""Make repos.lock, move it on, and say whether it answers for repos.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from karst.config.settings import Settings
from karst.config.spec import ServiceSpec, StackSpec
from karst.errors import LockStaleError, UsageError
from karst.fetch.lock import LockEntry, RepoLock, is_pinnable
from karst.pipeline.moving import Moves
from karst.pipeline.preparing import Locking, prepare
from karst.pipeline.tools import Tools


@dataclass(frozen=True)
class LockChange:
    """One service of a lock; `old` or `new` is None where it was not, or is no more."""

    service: str
    old: LockEntry | None
    new: LockEntry | None

    @property
    def is_same(self) -> bool:
        return self.old == self.new


@dataclass(frozen=True)
class Locked:
    """A lock that was made.

    Attributes:
        changes: every service of the old lock or of the new one.
        unpinned: services that are files of the workspace, which no lock holds.
        moves: pinned refs that mean another commit by now, and were left.
    """

    lock: RepoLock
    changes: tuple[LockChange, ...]
    unpinned: tuple[ServiceSpec, ...]
    moves: Moves
    notes: tuple[str, ...]


def make_lock(
    tools: Tools,
    spec: StackSpec,
    settings: Settings,
    old: RepoLock | None,
    upgrade: Sequence[str] | None,
) -> Locked:
    """Pin what is not pinned yet, and what `upgrade` names anew.

    Args:
        upgrade: names of services; () means all, None means nobody.
    """
    old = old or RepoLock()
    names = _upgraded(spec, upgrade)
    tools.progress.step("fetching and inspecting")
    ready = prepare(tools, spec, settings, old.without(names), locking=Locking(names))
    lock = ready.lock.kept_from(old)
    before = {entry.service: entry for entry in old.entries}
    after = {entry.service: entry for entry in lock.entries}
    return Locked(
        lock,
        tuple(
            LockChange(name, before.get(name), after.get(name))
            for name in sorted({**before, **after})
        ),
        tuple(s for s in spec.services if not is_pinnable(s)),
        ready.moves,
        ready.notes,
    )


def _upgraded(spec: StackSpec, upgrade: Sequence[str] | None) -> frozenset[str]:
    known = [service.name for service in spec.services]
    unknown = [name for name in upgrade or () if name not in known]
    if unknown:
        raise UsageError(
            f"no service is called '{unknown[0]}'",
            where="lock --upgrade",
            remedy=f"the services are {', '.join(known)}",
        )
    if upgrade is None:
        return frozenset()
    return frozenset(upgrade or known)


def check_lock(spec: StackSpec, lock: RepoLock | None, *, where: str) -> None:
    """Raise LockStaleError unless `lock` has just what `spec` asks for.

    No forge and no engine is asked: a branch that moved on makes no lock stale.
    """
    remedy = "run `karst lock` and commit what it writes"
    pinnable = {s.name: s for s in spec.services if is_pinnable(s)}
    if lock is None:
        if not pinnable:
            return
        raise LockStaleError("there is no lock", where=where, remedy=remedy)
    entries = {entry.service: entry for entry in lock.entries}
    faults = []
    for name, service in pinnable.items():
        entry = entries.get(name)
        if entry is None:
            faults.append(f"'{name}' is not in it")
        elif not entry.answers(service):
            faults.append(f"'{name}' is {_place(service)} now, and was {_was(entry)}")
    faults += [
        f"'{name}' is in it, and repos.yaml has nothing of that name to pin"
        for name in entries
        if name not in pinnable
    ]
    if faults:
        raise LockStaleError(
            f"the lock does not answer for the services: {faults[0]}",
            where=where,
            remedy=remedy,
            detail="\n".join(f"also: {fault}" for fault in faults[1:]),
        )


def _place(spec: ServiceSpec) -> str:
    return spec.image or f"{spec.slug}" + f", path {spec.path}" * bool(spec.path)


def _was(entry: LockEntry) -> str:
    return entry.image or f"{entry.slug}" + f", path {entry.path}" * bool(entry.path)
