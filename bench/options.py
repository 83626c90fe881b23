"""What a run measures, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import docker


@dataclass(frozen=True)
class Options:
    """Repeats and sizes of one run, and the engine.

    Attributes:
        image: the trivial image that services run.
        scratch: a folder that is removed at the end.
        plan_sizes, apply_sizes: how many services.
        changes_in: one change among the first is compared with one among the second.
        rounds: pairs per comparison where a pair takes seconds.
        load_seconds: how long each load lasts.
        tree_sizes: how many files a repository has.
    """

    client: docker.DockerClient
    image: str
    scratch: Path
    plan_sizes: tuple[int, ...] = (5, 60)
    apply_sizes: tuple[int, ...] = (1, 5, 20, 60)
    changes_in: tuple[int, int] = (5, 60)
    rounds: int = 3
    plan_pairs: int = 7
    load_rounds: int = 5
    load_seconds: int = 5
    tree_sizes: tuple[int, ...] = (20, 200, 2000, 10000)


def quick(client: docker.DockerClient, image: str, scratch: Path) -> Options:
    """One look at everything, for work on the harness itself."""
    return Options(
        client,
        image,
        scratch,
        plan_sizes=(5,),
        apply_sizes=(1, 5, 20),
        changes_in=(5, 20),
        rounds=1,
        plan_pairs=2,
        load_rounds=2,
        load_seconds=2,
        tree_sizes=(200, 2000),
    )
