"""The way from each service's old commit to its new one, asked side by side."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from karst.errors import KarstError
from karst.fetch.remote import Comparison
from karst.pipeline.sources import Sources
from karst.pipeline.tools import Planned

_AT_ONCE = 8


def compare_commits(sources: Sources, planned: Planned) -> dict[str, Comparison]:
    """Service => comparison; one that can't be had is left out: it only decorates."""

    def ask(service: str, old: str, new: str) -> tuple[str, Comparison | None]:
        slug = planned.prepared[service].spec.slug
        with contextlib.suppress(KarstError):
            return service, sources.compare(slug, old, new) if slug else None
        return service, None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(ask, *way) for way in _ways(planned)]
        found = [each.result() for each in asked]
    return {service: way for service, way in found if way}


def _ways(planned: Planned) -> list[tuple[str, str, str]]:
    ways = []
    for change in planned.plan.services:
        if change.action != "change" or change.service not in planned.prepared:
            continue
        new = planned.plan.stack.release_of(change.service).revision
        old = {
            r.release: r.revision for r in planned.applied.releases_of(change.service)
        }.get(change.old, "")
        if old and new and old != new:
            ways.append((change.service, old, new))
    return ways
