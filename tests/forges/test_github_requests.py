"""Requests and their comments at a GitHub: real HTTP, answers held to its description."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from karst.forges.access import ForgeAccess
from karst.forges.github_history import COMMITS_LOOKED_AT
from karst.forges.github_requests import GitHubRequests
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import MergedRequest, PublishFailure
from karst.report.sealed import CommentHeader, open_sealed, seal
from karst.secret import Secret
from tests.fakes.desk import Desk, Shelves
from tests.fakes.github import FakeGitHub, User

pytestmark = pytest.mark.processes

TOKEN = "ghs_canary0123456789canary"
BOT = User("github-actions[bot]", 41898282, "Bot")
ADA = User("ada", 2)
MALLORY = User("github-actions", 3)
HEADER = CommentHeader("shop", "", "")
REPOSITORY = "acme/shop"


@pytest.fixture
def forge() -> Iterator[FakeGitHub]:
    with FakeGitHub(tokens={TOKEN: BOT}) as found:
        yield found
    assert found.violations == []


@pytest.fixture
def desk(forge: FakeGitHub, tmp_path: Path) -> Desk:
    forge.add(REPOSITORY, tmp_path / "shop").commit({"repos.yaml": "- file:./a\n"})
    return Desk(forge, REPOSITORY)


def publisher(forge: FakeGitHub, token: str = TOKEN) -> GitHubRequests:
    access = ForgeAccess("gh", forge.api, forge.url, Secret(token))
    options = HttpOptions(patience=5.0, sleep=lambda _: None)
    return GitHubRequests(access, options, REPOSITORY)


def opened(desk: Desk, branch: str = "change", **more: str) -> int:
    return desk.open(branch, {f"{branch}.txt": branch}, author=ADA, **more)


def bodies(desk: Desk, number: int) -> list[tuple[str, str]]:
    return [
        (c.author.login, sealed.body if (sealed := open_sealed(c.body)) else c.body)
        for c in desk.comments(number)
    ]


# --- the comment ---


def test_a_comment_is_written_once_and_then_over(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    first = ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    desk.comment(number, ADA, "nice")
    second = ours.upsert_comment(number, HEADER, seal("two", HEADER), "update")
    assert first == second
    assert bodies(desk, number) == [(BOT.login, "two"), ("ada", "nice")]


def test_the_same_text_is_not_sent_again(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    for _ in range(2):
        ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert len(forge.requests(method="PATCH")) == 0


def test_recreated_it_stands_at_the_end(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "recreate")
    desk.comment(number, ADA, "nice")
    ours.upsert_comment(number, HEADER, seal("two", HEADER), "recreate")
    assert bodies(desk, number) == [("ada", "nice"), (BOT.login, "two")]


def test_stacks_targets_and_labels_have_a_comment_each(
    forge: FakeGitHub, desk: Desk
) -> None:
    number, ours = opened(desk), publisher(forge)
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
    forge: FakeGitHub, desk: Desk
) -> None:
    """Not even of a person who is called like the bot."""
    number, ours = opened(desk), publisher(forge)
    for author in (ADA, MALLORY):
        desk.comment(number, author, seal("forged", HEADER))
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert bodies(desk, number)[2:] == [(BOT.login, "one")]
    assert [c.text for c in ours.own_comments(number)] == [seal("one", HEADER)]


@pytest.mark.parametrize("known", [True, False])
def test_the_own_user_is_known_by_number_or_name(
    forge: FakeGitHub, desk: Desk, known: bool
) -> None:
    forge.memory(Shelves).viewer_ids = known
    number = opened(desk)
    desk.comment(number, MALLORY, seal("forged", HEADER))
    desk.comment(number, BOT, seal("true", HEADER))
    assert [c.text for c in publisher(forge).own_comments(number)] == [
        seal("true", HEADER)
    ]


def test_comments_are_read_to_the_last_page(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    for i in range(230):
        desk.comment(number, ADA, f"talk {i}")
    desk.comment(number, BOT, seal("old", HEADER))
    ours.upsert_comment(number, HEADER, seal("new", HEADER), "update")
    assert bodies(desk, number)[-1] == (BOT.login, "new")
    assert len(desk.comments(number)) == 231


def test_two_jobs_that_wrote_at_once_leave_one(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    for _ in range(2):
        desk.comment(number, BOT, seal("twice", HEADER))
    ours.upsert_comment(number, HEADER, seal("once", HEADER), "update")
    assert bodies(desk, number) == [(BOT.login, "once")]


def test_a_comment_that_was_removed_meanwhile_is_written_anew(
    forge: FakeGitHub, desk: Desk
) -> None:
    number, ours = opened(desk), publisher(forge)
    made = desk.comment(number, BOT, seal("old", HEADER))
    gone = forge.error(404)
    fault = forge.fail(times=2, change=lambda _: gone)
    fault.wanted = lambda request: f"/comments/{made}" in request.target
    ours.upsert_comment(number, HEADER, seal("new", HEADER), "update")
    assert [body for _, body in bodies(desk, number)][-1] == "new"


def test_a_comment_is_never_longer_than_it_may_be(
    forge: FakeGitHub, desk: Desk
) -> None:
    number, ours = opened(desk), publisher(forge)
    frame = len(seal("", HEADER))
    ours.upsert_comment(number, HEADER, seal("x" * (65_536 - frame), HEADER), "update")
    with pytest.raises(PublishFailure, match="takes 65536") as caught:
        ours.upsert_comment(
            number, HEADER, seal("x" * (65_537 - frame), HEADER), "update"
        )
    assert caught.value.why == "refused"
    assert len(desk.comments(number)) == 1


# --- what fails, fails by name ---


@pytest.mark.parametrize(
    ("status", "message", "why", "said"),
    [
        (403, "Resource not accessible by integration", "forbidden", "accessible"),
        (403, "API rate limit exceeded for installation", "unavailable", "rate limit"),
        (401, "Bad credentials", "forbidden", "Bad credentials"),
        (404, "Not Found", "missing", "404"),
        (410, "Issues are disabled for this repo", "refused", "disabled"),
        (422, "Validation Failed", "refused", "Validation Failed"),
        (502, "Server Error", "unavailable", "HTTP 502"),
    ],
)
def test_a_refused_comment_says_why(
    forge: FakeGitHub, desk: Desk, status: int, message: str, why: str, said: str
) -> None:
    number, ours = opened(desk), publisher(forge)
    error = forge.error(status, message)
    forge.fail(path="/comments", times=50, change=lambda _: error)
    with pytest.raises(PublishFailure, match=said) as caught:
        ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert caught.value.why == why
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_fork_s_token_only_reads(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk, fork="mallory/shop"), publisher(forge)
    forge.memory(Shelves).readers.add(BOT.login)
    with pytest.raises(PublishFailure, match="not accessible by integration") as caught:
        ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert "pull-requests: write" in caught.value.remedy
    assert ours.own_comments(number) == ()


def test_an_answer_that_was_lost_makes_no_second_comment(
    forge: FakeGitHub, desk: Desk
) -> None:
    """GitHub did it and broke down while saying so."""
    number, ours = opened(desk), publisher(forge)
    error = forge.error(502)
    done = forge.fail(path="/comments", times=1, change=lambda _: error)
    done.wanted = lambda request: (
        request.method == "POST" and "comments" in request.target
    )
    ours.upsert_comment(number, HEADER, seal("one", HEADER), "update")
    assert bodies(desk, number) == [(BOT.login, "one")]


def test_nobody_there_is_a_sentence(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    forge.close()
    with pytest.raises(PublishFailure, match="can't be reached") as caught:
        ours.own_comments(number)
    assert caught.value.why == "unavailable"


# --- requests ---


def test_what_is_known_of_a_request(forge: FakeGitHub, desk: Desk) -> None:
    number, ours = opened(desk), publisher(forge)
    facts = ours.request(number)
    assert (facts.head, facts.base_ref, facts.author) == (
        desk.head(number),
        "main",
        "ada",
    )
    assert (facts.is_open, facts.is_merged, facts.is_fork) == (True, False, False)
    assert (facts.merge_commit, facts.association) == ("", "MEMBER")
    merged = desk.merge(number)
    after = ours.request(number)
    assert (after.is_open, after.is_merged, after.merge_commit) == (False, True, merged)
    with pytest.raises(PublishFailure) as caught:
        ours.request(99)
    assert caught.value.why == "missing"


def test_a_fork_s_request_is_found_by_its_head(forge: FakeGitHub, desk: Desk) -> None:
    opened(desk, "other")
    number, ours = opened(desk, "theirs", fork="mallory/shop"), publisher(forge)
    (found,) = ours.requests_of_head(desk.head(number))
    assert (found.number, found.is_fork, found.head_repository) == (
        number,
        True,
        "mallory/shop",
    )
    assert ours.requests_of_head("0" * 40) == ()
    desk.merge(number)
    assert ours.requests_of_head(found.head) == ()


def merged(requests: tuple[MergedRequest, ...]) -> list[tuple[int, str]]:
    return [(r.number, r.head) for r in requests]


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_requests_between_two_commits_in_their_order(
    forge: FakeGitHub, desk: Desk, how: str
) -> None:
    ours = publisher(forge)
    since = desk.git.resolve("main") or ""
    a, b, c = (opened(desk, name) for name in "abc")
    desk.push("b", {"b2.txt": "more"})
    opened(desk, "open")
    heads = {n: desk.head(n) for n in (a, b, c)}
    first = desk.merge(c, how)
    desk.git.commit({"direct.txt": "pushed"})
    desk.merge(a, how)
    last = desk.merge(b, how)
    assert merged(ours.merged_requests(since, last)) == [
        (n, heads[n]) for n in (c, a, b)
    ]
    assert merged(ours.merged_requests(first, last)) == [(n, heads[n]) for n in (a, b)]
    assert ours.merged_requests(last, last) == ()
    assert ours.merged_requests(None, last) == ours.merged_requests(since, last)
    # A history that was written anew: the old commit is nowhere.
    with pytest.raises(PublishFailure) as caught:
        ours.merged_requests("0" * 40, last)
    assert caught.value.why == "missing"
    with pytest.raises(PublishFailure) as caught:
        ours.merged_requests(last, first)
    assert caught.value.why == "behind"


def test_where_a_request_began(forge: FakeGitHub, desk: Desk) -> None:
    """Of its own commit, and of a trial merge with a base that has moved on."""
    ours = publisher(forge)
    began = desk.git.resolve("main") or ""
    number = desk.open("feature/a#1", {"a.txt": "a"}, author=ADA)
    moved = desk.git.commit({"more.txt": "more"})
    head = desk.head(number)
    desk.git.git("switch", "-q", "-c", "trial")
    desk.git.git("merge", "-q", "--no-ff", "-m", "trial", head)
    trial = desk.git.resolve("HEAD") or ""
    desk.git.switch("main")
    assert ours.fork_point("main", head) == began
    assert ours.fork_point("main", trial) == moved
    assert ours.fork_point("feature/a#1", "main") == began
    with pytest.raises(PublishFailure) as caught:
        ours.fork_point("main", "0" * 40)
    assert caught.value.why == "missing"


def test_requests_into_other_branches_do_not_count(
    forge: FakeGitHub, desk: Desk
) -> None:
    """A feature branch may be less guarded than the main one."""
    ours = publisher(forge)
    since = desk.git.resolve("main") or ""
    feature = opened(desk, "feature")
    inner = opened(desk, "inner", start="feature", base="feature")
    desk.merge(inner)
    last = desk.merge(feature)
    assert [n for n, _ in merged(ours.merged_requests(since, last))] == [feature]


def test_a_long_range_is_paged_and_bounded(forge: FakeGitHub, desk: Desk) -> None:
    ours = publisher(forge)
    since = desk.git.resolve("main") or ""
    early = opened(desk, "early")
    desk.merge(early, "squash")
    for i in range(COMMITS_LOOKED_AT):
        desk.git.commit(message=f"direct {i}")
    late = opened(desk, "late")
    last = desk.merge(late, "squash")
    assert [n for n, _ in merged(ours.merged_requests(since, last))] == [late]
    assert len(forge.requests("/pulls")) == COMMITS_LOOKED_AT


# --- the rest ---


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        ("admin", "admin"),
        ("maintain", "write"),
        ("write", "write"),
        ("triage", "read"),
        ("read", "read"),
        (None, "none"),
    ],
)
def test_what_a_user_may_do(
    forge: FakeGitHub, desk: Desk, role: str | None, wanted: str
) -> None:
    if role:
        desk.shelf.roles["ada"] = role
    assert publisher(forge).permission("ada") == wanted


def test_files_are_read_at_a_commit(forge: FakeGitHub, desk: Desk) -> None:
    ours = publisher(forge)
    before = desk.git.resolve("main") or ""
    desk.git.commit({"repos.yaml": "- file:./b\n", "deep/er.txt": "é", "bin": b"\xff"})
    assert ours.read_file("repos.yaml", before) == "- file:./a\n"
    assert ours.read_file("repos.yaml", "main") == "- file:./b\n"
    assert ours.read_file("deep/er.txt", "main") == "é"
    assert ours.read_file("deep", "main") is None
    assert ours.read_file("deep/er.txt", before) is None
    assert ours.read_file("repos.yaml", "0" * 40) is None
    with pytest.raises(PublishFailure, match="no UTF-8"):
        ours.read_file("bin", "main")
    desk.git.commit({"large": "x" * 1_100_000})
    with pytest.raises(PublishFailure, match="larger than 1 MB"):
        ours.read_file("large", "main")


def test_one_issue_opens_closes_and_opens_again(forge: FakeGitHub, desk: Desk) -> None:
    ours, other = publisher(forge), CommentHeader("shop", "", "eu")
    assert ours.close_issue(HEADER, "clean") is None
    first = ours.upsert_issue(HEADER, "Drift", "one")
    assert ours.upsert_issue(other, "Drift", "theirs") != first
    assert ours.upsert_issue(HEADER, "Drift", "two") == first
    (issue, _) = desk.shelf.issues.values()
    assert (issue.state, issue.body.splitlines()[1:]) == ("open", ["two"])
    assert ours.close_issue(HEADER, "clean") == first
    assert ours.close_issue(HEADER, "clean") is None
    assert (issue.state, issue.body.splitlines()[1:]) == ("closed", ["clean"])
    assert ours.upsert_issue(HEADER, "Drift", "again") == first
    assert issue.state == "open"


def test_another_s_issue_under_our_header_is_left(
    forge: FakeGitHub, desk: Desk
) -> None:
    ours = publisher(forge)
    ours.upsert_issue(HEADER, "Drift", "one")
    (issue,) = desk.shelf.issues.values()
    issue.author = MALLORY
    ours.upsert_issue(HEADER, "Drift", "two")
    assert len(desk.shelf.issues) == 2
