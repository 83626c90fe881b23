"""`lock --check`: what repos.yaml asks for against what repos.lock has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karst.config.slug import parse_slug
from karst.config.spec import ServiceSpec, StackSpec
from karst.errors import LockStaleError
from karst.fetch.lock import LockEntry, RepoLock
from karst.pipeline.locking import check_lock

WEB = ServiceSpec("web", slug=parse_slug("gh:acme/web#main"))
API = ServiceSpec("api", slug=parse_slug("gl:acme/mono"), path="api")
DB = ServiceSpec("db", image="postgres:17")
LOOSE = ServiceSpec("loose", slug=parse_slug("file:./loose"))
LOCK = RepoLock.of(
    [LockEntry(s.name, s.slug, s.path, image=s.image or "") for s in (WEB, API, DB)]
)


def check(lock: RepoLock | None, *services: ServiceSpec) -> None:
    check_lock(StackSpec("shop", services), lock, where="repos.lock")


def refusal(lock: RepoLock | None, *services: ServiceSpec) -> str:
    with pytest.raises(LockStaleError) as caught:
        check(lock, *services)
    assert caught.value.remedy == "run `karst lock` and commit what it writes"
    return "; ".join([caught.value.what, *caught.value.detail.splitlines()])


def test_a_lock_that_answers() -> None:
    check(LOCK, WEB, API, DB, LOOSE)


def test_nothing_to_pin_needs_no_lock() -> None:
    check(None, LOOSE)
    assert refusal(None, WEB) == "there is no lock"


@pytest.mark.parametrize(
    ("services", "told"),
    [
        ((WEB, API, DB, replace(WEB, name="new")), "'new' is not in it"),
        (
            (replace(WEB, slug=parse_slug("gh:acme/web#v2")), API, DB),
            "'web' is gh:acme/web#v2 now, and was gh:acme/web#main",
        ),
        (
            (WEB, replace(API, path="srv"), DB),
            "'api' is gl:acme/mono, path srv now, and was gl:acme/mono, path api",
        ),
        (
            (WEB, API, replace(DB, image="postgres:18")),
            "'db' is postgres:18 now, and was postgres:17",
        ),
        (
            (WEB, API),
            "'db' is in it, and repos.yaml has nothing of that name to pin",
        ),
        (
            (WEB, API, replace(LOOSE, name="db")),
            "'db' is in it, and repos.yaml has nothing of that name to pin",
        ),
        (
            (API, DB, LOOSE),
            "'web' is in it, and repos.yaml has nothing of that name to pin",
        ),
    ],
)
def test_what_it_does_not_answer_for(
    services: tuple[ServiceSpec, ...], told: str
) -> None:
    begin = "the lock does not answer for the services: "
    assert refusal(LOCK, *services) == begin + told


def test_everything_is_told_at_once() -> None:
    renamed = replace(WEB, name="site")
    assert refusal(LOCK, renamed, API, DB) == (
        "the lock does not answer for the services: 'site' is not in it; "
        "also: 'web' is in it, and repos.yaml has nothing of that name to pin"
    )
