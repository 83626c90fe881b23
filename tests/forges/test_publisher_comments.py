"""What every forge's publisher does with comments: the same tests for each.

Real HTTP; the fakes' answers are held to what the forges say of their own.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from publishers import ADA, BOT, MALLORY, open_publisher, opened

from karst.forges.publishing import Publisher, PublishFailure
from karst.report.sealed import CommentHeader, open_sealed, seal
from tests.fakes.desk import Desk
from tests.fakes.exchange import Reply

pytestmark = pytest.mark.processes

HEADER = CommentHeader("shop", "", "")


def bodies(desk: Desk, number: int) -> list[tuple[str, str]]:
    return [
        (c.author.login, sealed.body if (sealed := open_sealed(c.body)) else c.body)
        for c in desk.comments(number)
    ]


def test_a_comment_is_written_once_and_then_over(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    first = ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    desk.comment(number, ADA, "nice")
    second = ours.upsert_comment(number, HEADER, seal("two", HEADER), "update")
    assert first == second
    assert bodies(desk, number) == [(BOT.login, "two"), ("ada", "nice")]


def test_the_same_text_is_not_sent_again(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    for _ in range(2):
        ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    changing = [r for r in desk.forge.requests() if r.method in ("PATCH", "PUT")]
    assert changing == []


def test_a_breakdown_is_outlasted_by_who_reads_comments(
    desk: Desk, ours: Publisher
) -> None:
    """Whose token it is, too: GitHub is asked that by a POST."""
    number = opened(desk)
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    for path in ("/graphql", "/user", "/comments", "/notes"):
        desk.forge.fail(502, path=path, times=3)
    again = open_publisher(desk)
    assert len(again.own_comments(number)) == 1


def test_recreated_it_stands_at_the_end(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "recreate")
    desk.comment(number, ADA, "nice")
    ours.upsert_comment(number, HEADER, seal("two", HEADER), "recreate")
    assert bodies(desk, number) == [("ada", "nice"), (BOT.login, "two")]


def test_stacks_targets_and_labels_have_a_comment_each(
    desk: Desk, ours: Publisher
) -> None:
    number = opened(desk)
    headers = [
        HEADER,
        CommentHeader("shop", "tcp://b:2376"),
        CommentHeader("shop", "", "eu"),
        CommentHeader("other"),
    ]
    for turn in ("one", "two"):
        for header in headers:
            ours.upsert_comment(number, header, seal(turn, header), "update")
    found = [open_sealed(c.body) for c in desk.comments(number)]
    assert [s and (s.header, s.body) for s in found] == [(h, "two") for h in headers]


def test_what_others_wrote_under_our_header_is_not_ours(
    desk: Desk, ours: Publisher
) -> None:
    """Not even of a person who is called like the bot."""
    number = opened(desk)
    for author in (ADA, MALLORY):
        desk.comment(number, author, seal("forged", HEADER))
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert bodies(desk, number)[2:] == [(BOT.login, "one")]
    assert [c.text for c in ours.own_comments(number)] == [seal("one", HEADER)]


def test_comments_are_read_to_the_last_page(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    for i in range(230):
        desk.comment(number, ADA, f"talk {i}")
    desk.comment(number, BOT, seal("old", HEADER))
    ours.upsert_comment(number, HEADER, seal("new", HEADER), "update")
    assert bodies(desk, number)[-1] == (BOT.login, "new")
    assert len(desk.comments(number)) == 231


def test_two_jobs_that_wrote_at_once_leave_one(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    for _ in range(2):
        desk.comment(number, BOT, seal("twice", HEADER))
    ours.upsert_comment(number, HEADER, seal("once", HEADER), "update")
    assert bodies(desk, number) == [(BOT.login, "once")]


def test_a_comment_that_was_removed_meanwhile_is_written_anew(
    desk: Desk, ours: Publisher
) -> None:
    number = opened(desk)
    made = desk.comment(number, BOT, seal("old", HEADER))
    gone = desk.forge.error(404)
    fault = desk.forge.fail(times=2, change=lambda _: gone)
    fault.wanted = lambda request: request.target.endswith(f"s/{made}")
    ours.upsert_comment(number, HEADER, seal("new", HEADER), "update")
    assert [body for _, body in bodies(desk, number)][-1] == "new"


def test_a_comment_is_never_longer_than_it_may_be(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    frame = len(seal("", HEADER))
    ours.upsert_comment(number, HEADER, seal("x" * (65_536 - frame), HEADER), "update")
    with pytest.raises(PublishFailure, match="65536") as caught:
        ours.upsert_comment(
            number, HEADER, seal("x" * (65_537 - frame), HEADER), "update"
        )
    assert caught.value.why == "refused"
    assert len(desk.comments(number)) == 1


def test_an_answer_that_was_lost_makes_no_second_comment(
    desk: Desk, ours: Publisher
) -> None:
    """The forge did it and broke down while saying so."""
    number = opened(desk)
    error = desk.forge.error(502)
    done = desk.forge.fail(times=1, change=lambda _: error)
    done.wanted = lambda request: (
        request.method == "POST" and request.target.endswith(("/comments", "/notes"))
    )
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert bodies(desk, number) == [(BOT.login, "one")]


def test_nobody_there_is_a_sentence(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    desk.forge.close()
    with pytest.raises(PublishFailure, match="can't be reached") as caught:
        ours.own_comments(number)
    assert caught.value.why == "unavailable"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, "refused"),
        (401, "forbidden"),
        (403, "forbidden"),
        (404, "missing"),
        (502, "unavailable"),
    ],
)
def test_a_refused_comment_says_why(
    desk: Desk, ours: Publisher, status: int, why: str
) -> None:
    number = opened(desk)
    error = desk.forge.error(status)
    refused = desk.forge.fail(times=50, change=lambda _: error)
    refused.wanted = lambda request: request.path.endswith(("/comments", "/notes"))
    with pytest.raises(PublishFailure) as caught:
        ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert caught.value.why == why
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


ODD = (
    *(None, "x", 5, [], {}, [None], [[]], [{}], [5]),
    *({"data": None}, {"head": None, "base": None}, {"message": ["x"]}),
    [{"user": None, "author": None, "body": None, "id": None}],
)


@pytest.mark.parametrize("status", [200, 418, 422])
@pytest.mark.parametrize("document", ODD, ids=repr)
def test_an_answer_that_is_none_of_a_forges_is_a_sentence(
    desk: Desk, ours: Publisher, status: int, document: object
) -> None:
    """A comment that can't be written leaves a plan green: nothing else may come up."""
    number = opened(desk)
    desk.forge.fail(times=500, change=lambda _: Reply(status, document))
    asked = (
        lambda: ours.upsert_comment(number, HEADER, seal("one", HEADER), "update"),
        lambda: ours.request(number),
        lambda: ours.own_comments(number),
        lambda: ours.requests_of_head("a" * 40),
        lambda: ours.merged_requests(None, "a" * 40),
        lambda: ours.permission("ada"),
        lambda: ours.read_file("repos.yaml", "main"),
        lambda: ours.fork_point("main", "a" * 40),
    )
    for ask in asked:
        with suppress(PublishFailure):
            ask()
