"""Fetch the files of all services: side by side, each slug resolved once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from karst.config.slug import Slug
from karst.config.spec import ServiceSpec
from karst.effects.clock import Clock
from karst.errors import FetchError, KarstError, LockError
from karst.fetch.lock import RepoLock, is_pinnable
from karst.fetch.revision import Checkout, Revision, RevisionGoneError, inner_path
from karst.pipeline.pool import AT_ONCE, DaemonPool
from karst.pipeline.sources import Sources
from karst.pipeline.tools import Progress

T = TypeVar("T")
# A fetch mostly waits for its forge: twice as many as of what the machine does itself.
FETCHES_AT_ONCE = 16


@dataclass
class _Resolving:
    """What refs mean now: asked once per slug, so that a ref that moves meanwhile
    means one commit for all services of a monorepo."""

    sources: Sources
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _asking: dict[Slug, threading.Lock] = field(default_factory=dict)
    _found: dict[Slug, Revision | KarstError] = field(default_factory=dict)

    def revision(self, slug: Slug, path: str) -> Revision:
        if slug.forge == "file" and slug.ref is None:
            return self.sources.of(slug).resolve(slug, path)
        with self._guard:
            asking = self._asking.setdefault(slug, threading.Lock())
        with asking:
            if slug not in self._found:
                try:
                    self._found[slug] = self.sources.of(slug).resolve(slug, "")
                except KarstError as error:
                    self._found[slug] = error
        found = self._found[slug]
        if isinstance(found, KarstError):
            raise found
        path = inner_path(path, where=str(slug))
        return replace(found, path=path, tree=None) if path else found


def fetch_all(
    sources: Sources,
    services: Iterable[ServiceSpec],
    pins: RepoLock,
    into: Path,
    *,
    clock: Clock,
    progress: Progress,
    seconds: float,
) -> dict[str, Checkout]:
    """Put each service's files into a folder of `into`; images have none.

    What `pins` holds is not asked for, only fetched. Raises one error for all that
    failed, or that were not there after `seconds`.
    """
    resolving = _Resolving(sources)

    def fetch(spec: ServiceSpec) -> Checkout:
        assert spec.slug  # noqa: S101  (images were left out)
        began = clock.monotonic()
        pinned = pins.find(spec) if is_pinnable(spec) else None
        revision = (
            pinned.revision if pinned else resolving.revision(spec.slug, spec.path)
        )
        try:
            checkout = sources.of(spec.slug).fetch(revision, into / spec.name)
        except RevisionGoneError as error:
            if pinned is None:
                raise
            raise _lock_fault(error, spec.name) from None
        commit = f" at {checkout.commit[:12]}" if checkout.commit else ""
        progress.line(
            f"{spec.name}: {spec.slug}{commit}, {clock.monotonic() - began:.1f} s"
        )
        return checkout

    wanted = {spec.name: spec for spec in services if spec.slug}
    return each(
        fetch,
        wanted,
        what="can't be had",
        clock=clock,
        seconds=seconds,
        stop=sources.stop,
        at_once=FETCHES_AT_ONCE,
    )


def _lock_fault(error: RevisionGoneError, service: str) -> LockError:
    """What a lock names is not to be had: the lock is at fault, not the slug."""
    return LockError(
        error.what,
        where=f"{error.where}, as repos.lock pins it",
        remedy=f"{error.remedy} (`karst lock --upgrade {service}`)",
        detail=error.detail,
    )


def each(
    work: Callable[[ServiceSpec], T],
    services: Mapping[str, ServiceSpec],
    *,
    what: str,
    clock: Clock,
    seconds: float,
    stop: Callable[[], None] = lambda: None,
    at_once: int = AT_ONCE,
) -> dict[str, T]:
    """Do `work` for all services, so many at once; every failure is told, together.

    `stop` is called before a failure is raised: it ends what is under way.
    """
    pool = DaemonPool(at_once)
    deadline = clock.monotonic() + seconds
    try:
        futures = {name: pool.submit(work, spec) for name, spec in services.items()}
        wait(futures.values(), timeout=max(0.0, deadline - clock.monotonic()))
        failures = {
            name: error
            for name, future in futures.items()
            if (error := _failure(future, services[name], seconds))
        }
        if failures:
            raise together(failures, of=len(services), what=what)
    except BaseException:
        stop()
        pool.close()
        raise
    pool.close(0)
    return {name: future.result() for name, future in futures.items()}


def _failure(future: Future[T], spec: ServiceSpec, seconds: float) -> KarstError | None:
    if not future.done():
        return FetchError(
            f"not there within {seconds:g} s",
            where=str(spec.slug),
            remedy="look at the way to the forge, or set KARST_FETCH_SECONDS higher",
        )
    error = future.exception()
    if error is None or isinstance(error, KarstError):
        return error
    raise error


def together(failures: Mapping[str, KarstError], *, of: int, what: str) -> KarstError:
    """One error that tells all `failures` (service => error), the first one's class."""
    causes: dict[int, tuple[KarstError, list[str]]] = {}
    for name, error in failures.items():
        causes.setdefault(id(error), (error, []))[1].append(name)
    told = []
    for error, names in causes.values():
        plural = "s" if len(names) > 1 else ""
        at = f"service{plural} " + ", ".join(f"'{name}'" for name in names)
        kind = type(error)
        where = f"{at}, {error.where}" if error.where else at
        told.append(
            kind(error.what, where=where, remedy=error.remedy, detail=error.detail)
        )
    if len(told) == 1:
        return told[0]
    return type(told[0])(
        f"{len(failures)} of {of} services {what}",
        where=", ".join(failures),
        remedy="each is told below",
        detail="\n".join(str(error) for error in told),
    )
