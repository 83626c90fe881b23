"""Which of several declared processes is meant, by names, ports and the project's name."""

from __future__ import annotations

import pytest

from karst.inspection.entrypoint import Candidate
from karst.inspection.processes import in_order


def named(*names: str, alike: bool = False) -> dict[str, Candidate]:
    return {
        name: Candidate("command", name, ("run", "" if alike else name), name)
        for name in names
    }


@pytest.mark.parametrize(
    ("names", "published", "order"),
    [
        (("worker", "web"), (), ("web", "worker")),
        (("worker", "backend"), ("backend",), ("backend", "worker")),
        (("backend", "worker"), (), ("worker", "backend")),
        (("backend", "web"), ("backend",), ("web", "backend")),
        (("flower", "worker"), ("flower",), ("worker", "flower")),
        (("celery-beat", "celery"), (), ("celery", "celery-beat")),
        (("scheduler",), (), ("scheduler",)),
        (("left", "right"), ("left", "right"), ("left", "right")),
    ],
)
def test_one_is_meant(
    names: tuple[str, ...], published: tuple[str, ...], order: tuple[str, ...]
) -> None:
    found = in_order(named(*names), published=frozenset(published))
    assert [c.value for c in found.best] == [order[0]]
    assert [c.value for c in found.rest] == [*order[1:]]


def test_ones_that_nothing_sets_apart_are_a_tie() -> None:
    found = in_order(named("import", "beat", "export"))
    assert [c.value for c in found.best] == ["import", "export"]
    assert [c.value for c in found.rest] == ["beat"]


def test_the_namesake_of_the_project_is_meant() -> None:
    found = in_order(named("export", "web", "Tide_Gauge"), project="tide-gauge")
    assert [c.value for c in found.best] == ["Tide_Gauge"]


def test_replicas_are_no_tie() -> None:
    found = in_order(named("left", "right", alike=True))
    assert [c.value for c in found.best] == ["left"]


def test_nothing_is_nothing() -> None:
    assert not in_order({}).best
