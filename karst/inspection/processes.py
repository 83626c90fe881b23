"""Which of several declared processes is the service, and which are beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

from karst.inspection.entrypoint import APP, Candidate
from karst.inspection.packaging import normalise
from karst.inspection.rules import Found

_SERVING = ("web", "app", "api", "server", "bot")
_WORKING = "worker"
# What platforms and compose files run beside a service: schedules and dashboards.
_BESIDE = re.compile(
    r"(^|[-_])(beat|clock|cron|sched\w*|timer|flower|monitor\w*|metrics|client)([-_]|$)",
    re.IGNORECASE,
)
_PUBLISHED, _WORKER, _OTHER, _LAST = range(len(_SERVING), len(_SERVING) + 4)


def in_order(
    found: Mapping[str, Candidate],
    *,
    project: str = "",
    published: Set[str] = frozenset(),
) -> Found:
    """Order processes by their names; ones that nothing sets apart are a tie.

    Args:
        found: candidates by process name, in the file's order.
        project: the distribution's name; its namesake is the service.
        published: processes with a port of their own.
    """
    namesake = normalise(project)

    def rank(name: str) -> int:
        if name in _SERVING:
            return _SERVING.index(name)
        if _BESIDE.search(name):
            return _LAST
        if name in published:
            return _PUBLISHED
        return _WORKER if name == _WORKING else _OTHER

    names = sorted(found, key=rank)  # stable: the file's order within a rank
    same = [n for n in names if namesake and normalise(n) == namesake]
    names = [*same, *(n for n in names if n not in same)]
    best = names[:1]
    equal = [n for n in names if rank(n) == _OTHER and found[n].workdir == APP]
    if not same and names[:1] == equal[:1]:
        best = _distinct(found, equal)
    rest = [n for n in names if n not in best]
    return Found(tuple(found[n] for n in best), tuple(found[n] for n in rest))


def _distinct(found: Mapping[str, Candidate], names: list[str]) -> list[str]:
    """One name for each command: replicas of one program are no tie."""
    seen: dict[tuple[str, ...], str] = {}
    for name in names:
        seen.setdefault(found[name].command, name)
    return list(seen.values())
