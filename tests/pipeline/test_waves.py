"""The order in which services may start."""

from __future__ import annotations

from karst.config.spec import ServiceSpec, StackSpec
from karst.pipeline.releasing import waves


def job(name: str, *needs: str) -> ServiceSpec:
    return ServiceSpec(name, kind="job", port=None, protocol="none", needs=needs)


def test_a_migration_finds_its_database_and_the_web_a_migrated_one() -> None:
    stack = StackSpec(
        "shop",
        (
            ServiceSpec("web", needs=("migrate",)),
            job("migrate", "create"),
            ServiceSpec("db"),
            job("create"),
            ServiceSpec("worker"),
        ),
    )
    assert waves(stack) == (("db", "worker"), ("create",), ("migrate",), ("web",))


def test_without_jobs_all_start_at_once() -> None:
    stack = StackSpec("shop", (ServiceSpec("a"), ServiceSpec("b")))
    assert waves(stack) == (("a", "b"),)
