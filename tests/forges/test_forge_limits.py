"""Limits, breakdowns and broken lines: waited for, outlasted, or told in a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from karst.errors import FetchError
from karst.fetch.remote import ArchiveUnavailableError
from karst.forges.limits import Wait, read_wait, told_moment
from karst.forges.refusals import LimitedError, UnreachableError
from tests.fakes.exchange import Reply
from tests.fakes.world import World

pytestmark = pytest.mark.processes
MIB = 1024 * 1024
# A ref for which each forge asks one question after the other.
ONE = "refs/heads/main"
NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC, where a World's time begins
LATER = format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (200, {"retry-after": "5"}, "", None),
        (404, {}, "", None),
        (403, {}, "Resource not accessible by integration", None),
        (403, {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "1"}, "", None),
        (429, {}, "", Wait(None, True)),
        (429, {"retry-after": "17"}, "", Wait(17, True)),
        (429, {"retry-after": LATER}, "", Wait(90, True)),
        (429, {"retry-after": "soon"}, "", Wait(None, True)),
        (
            429,
            {"ratelimit-remaining": "0", "ratelimit-reset": "1800000030"},
            "",
            Wait(30, True),
        ),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000600"},
            "API rate limit exceeded",
            Wait(600, True),
        ),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
            "",
            Wait(0, True),
        ),
        (403, {"retry-after": "9"}, "", Wait(9, True)),
        (403, {}, "You have exceeded a secondary rate limit", Wait(60, True)),
        (500, {}, "", Wait(None, False)),
        (502, {"retry-after": "9"}, "", Wait(None, False)),
        (503, {"retry-after": "9"}, "", Wait(9, False)),
        (501, {}, "", None),
    ],
)
def test_what_an_answer_says_about_asking_again(
    status: int, headers: dict[str, str], body: str, wait: Wait | None
) -> None:
    assert read_wait(status, headers, body, NOW) == wait


def test_a_limit_s_end_has_its_date_only_where_it_is_another_day() -> None:
    assert told_moment(300, NOW) == "08:05 UTC"
    assert told_moment(86_400, NOW) == "2027-01-16 08:00 UTC"


def test_a_limit_is_waited_for_as_long_as_the_forge_says(world: World) -> None:
    world.fake.fail(429, Retry_After="17")
    head = world.repository.git("rev-parse", "HEAD")
    assert world.forge().find_commit(world.path, ONE).commit == head
    assert world.time.slept == [17.0]


def test_a_limit_without_a_time_is_asked_again_ever_later(world: World) -> None:
    world.fake.fail(429, times=3)
    world.forge().find_commit(world.path, ONE)
    assert len(world.time.slept) == 3
    assert all(0 < pause <= 20 for pause in world.time.slept)


def test_a_limit_that_outlasts_patience_says_until_when(world: World) -> None:
    world.fake.fail(429, times=99, Retry_After="600")
    forge = world.forge()
    for _ in range(3):
        with pytest.raises(LimitedError) as told:
            forge.find_commit(world.path, ONE)
        assert str(told.value) == (
            f"{world.slug(ONE)}: {forge.name} answers no more requests until 08:10 UTC: "
            "its rate limit is used up\n"
            "  -> run it again then"
        )
        assert told.value.__context__ is None
    assert world.time.slept == []
    # Asking during a limit makes it longer: nobody does.
    assert len(world.fake.seen) == 1


def test_without_a_token_the_way_to_a_higher_limit_is_told(world: World) -> None:
    world.fake.fail(429, times=99, Retry_After="600")
    with pytest.raises(LimitedError, match=r"set \w+_TOKEN: with a token the limit"):
        world.forge(token=None).find_commit(world.path, "main")


def test_an_archive_is_not_waited_for_where_a_clone_is_at_hand(world: World) -> None:
    world.fake.fail(429, times=99, Retry_After="30")
    head = world.repository.git("rev-parse", "HEAD")
    with pytest.raises(ArchiveUnavailableError, match="answers no more requests"):
        world.forge().download_archive(world.path, head, world.folder / "a", limit=MIB)
    assert world.time.slept == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_breakdown_is_outlasted(world: World, status: int) -> None:
    world.fake.fail(status, times=3)
    head = world.repository.git("rev-parse", "HEAD")
    assert world.forge().find_commit(world.path, ONE).commit == head
    assert len(world.time.slept) == 3


def test_a_breakdown_that_lasts_is_a_sentence(world: World) -> None:
    world.fake.fail(503, times=99)
    forge = world.forge()
    with pytest.raises(FetchError) as told:
        forge.find_commit(world.path, ONE)
    assert str(told.value).startswith(
        f"{world.slug(ONE)}: {forge.name} answered with HTTP 503\n  -> run it again later"
    )
    assert len(world.fake.seen) == 5


def test_a_breakdown_behind_limits_is_outlasted_like_any_other(world: World) -> None:
    world.fake.fail(429, times=6, Retry_After="1")
    world.fake.fail(502, times=4)
    head = world.repository.git("rev-parse", "HEAD")
    assert world.forge().find_commit(world.path, ONE).commit == head


def test_the_run_s_own_end_comes_first(world: World) -> None:
    world.fake.fail(503, times=99)
    with pytest.raises(FetchError, match="HTTP 503"):
        world.forge(ends_at=NOW + 0.001).find_commit(world.path, ONE)
    assert len(world.fake.seen) == 1


def cut(reply: Reply) -> Reply:
    return replace(reply, keep=len(reply.content()) // 2)


def test_an_answer_that_breaks_off_is_asked_for_again(world: World) -> None:
    world.fake.fail(change=cut, times=2)
    head = world.repository.git("rev-parse", "HEAD")
    assert world.forge().find_commit(world.path, ONE).commit == head
    assert len(world.time.slept) == 2


def test_an_archive_that_breaks_off_is_asked_for_again_and_whole(world: World) -> None:
    head = world.repository.git("rev-parse", "HEAD")
    world.fake.fail(path="tar.gz", change=cut, times=2)
    into = world.folder / "a.tar.gz"
    world.forge().download_archive(world.path, head, into, limit=MIB)
    whole = into.read_bytes()
    into.unlink()
    world.fake.fail(path="tar.gz", change=cut, times=99)
    with pytest.raises(ArchiveUnavailableError, match="broke off"):
        world.forge().download_archive(world.path, head, into, limit=MIB)
    assert not into.exists()
    assert whole[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: replace(reply, pause=30.0),
        lambda reply: replace(reply, body=reply.content() + b" " * MIB, drip=0.5),
    ],
    ids=["silent", "dripping"],
)
def test_a_slow_answer_has_an_end(
    world: World, spoil: Callable[[Reply], Reply]
) -> None:
    world.fake.fail(change=spoil, times=99)
    clock = {"monotonic": time.monotonic, "sleep": lambda _: None}
    forge = world.forge(patience=1.0, read_timeout=0.7, **clock)
    with pytest.raises(UnreachableError) as told:
        forge.find_commit(world.path, ONE)
    assert f"{world.slug(ONE)}: {forge.name} can't be reached: " in str(told.value)
    assert len(world.fake.seen) < 4


def test_a_slow_archive_has_an_end(world: World) -> None:
    body = b"\x1f\x8b" + bytes(8 * MIB)
    world.fake.fail(
        path="tar.gz", change=lambda r: replace(r, body=body, drip=0.1), times=9
    )
    head = world.repository.git("rev-parse", "HEAD")
    forge = world.forge(archive_patience=1.0, monotonic=time.monotonic)
    into = world.folder / "a.tar.gz"
    with pytest.raises(ArchiveUnavailableError, match="too slowly"):
        forge.download_archive(world.path, head, into, limit=99 * MIB)
    assert not into.exists()


def test_a_forge_that_is_not_there_is_a_sentence(world: World) -> None:
    forge = world.forge()
    world.fake.close()
    with pytest.raises(UnreachableError) as told:
        forge.find_commit(world.path, "main")
    assert str(told.value) == (
        f"{world.slug('main')}: {forge.name} can't be reached: nobody listens there\n"
        "  -> check the network, the proxy variables and the forge's address"
    )
    assert told.value.__context__ is None


@pytest.mark.parametrize(
    "nonsense",
    [b"<html>welcome</html>", b"[]", b"null", b'"text"', b"{}", b'{"id": [1]}'],
)
def test_an_answer_that_is_none_is_a_sentence(world: World, nonsense: bytes) -> None:
    world.fake.fail(change=lambda _: Reply(200, body=nonsense), times=99)
    for ref in ("main", None):
        with pytest.raises(FetchError) as told:
            world.forge().find_commit(world.path, ref)
        assert told.value.__context__ is None
        assert "gave an answer that can't be read" in str(told.value)


def test_other_refusals_name_the_status(world: World) -> None:
    world.fake.fail(418, times=9)
    with pytest.raises(FetchError, match="answered with HTTP 418"):
        world.forge().find_commit(world.path, "main")


def test_an_endless_answer_is_not_read_to_its_end(world: World) -> None:
    long = b"[" + b"1," * (20 * MIB) + b"1]"
    world.fake.fail(change=lambda _: Reply(200, body=long), times=99)
    with pytest.raises(UnreachableError, match="its answer is too long"):
        world.forge().find_commit(world.path, "main")


def test_a_circle_of_redirects_has_an_end(world: World) -> None:
    def back(_: Reply) -> Reply:
        seen = world.fake.seen[-1]
        return Reply(302).having(Location=f"{world.fake.url}{seen.target}")

    world.fake.fail(change=back, times=999)
    with pytest.raises(FetchError):
        world.forge().find_commit(world.path, "main")
    assert len(world.fake.seen) < 200
