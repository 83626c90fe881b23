"""What is GitHub's own of its publisher: real HTTP, answers held to its description.

What every forge's does is in test_publisher_comments.py and test_publisher_requests.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from karst.forges.access import ForgeAccess
from karst.forges.github_history import COMMITS_LOOKED_AT
from karst.forges.github_requests import GitHubRequests
from karst.forges.publishing import MergedRequest, PublishFailure
from karst.report.sealed import CommentHeader, open_sealed, seal
from karst.secret import Secret
from tests.fakes.desk import Desk, Shelves
from tests.fakes.github import FakeGitHub, User
from tests.fakes.world import FakeTime

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
    return GitHubRequests(access, FakeTime().options(), REPOSITORY)


def opened(desk: Desk, branch: str = "change", **more: str) -> int:
    return desk.open(branch, {f"{branch}.txt": branch}, author=ADA, **more)


def bodies(desk: Desk, number: int) -> list[tuple[str, str]]:
    return [
        (c.author.login, sealed.body if (sealed := open_sealed(c.body)) else c.body)
        for c in desk.comments(number)
    ]


# --- the comment ---


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


def merged(requests: tuple[MergedRequest, ...]) -> list[tuple[int, str]]:
    return [(r.number, r.head) for r in requests]


def test_rebased_requests_are_found_by_their_commits(
    forge: FakeGitHub, desk: Desk
) -> None:
    ours = publisher(forge)
    since = desk.git.resolve("main") or ""
    a, b = (opened(desk, name) for name in "ab")
    desk.push("b", {"b2.txt": "more"})
    heads = {n: desk.head(n) for n in (a, b)}
    desk.merge(b, "rebase")
    last = desk.merge(a, "rebase")
    assert merged(ours.merged_requests(since, last)) == [(n, heads[n]) for n in (b, a)]


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


# --- requests ---


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
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


def test_a_large_file_is_a_sentence(forge: FakeGitHub, desk: Desk) -> None:
    desk.git.commit({"large": "x" * 1_100_000})
    with pytest.raises(PublishFailure, match="larger than 1 MB"):
        publisher(forge).read_file("large", "main")
