"""What every forge's publisher does with requests, files and issues: the same tests for each.

Real HTTP; the fakes' answers are held to what the forges say of their own.
"""

from __future__ import annotations

import pytest
from publishers import ADA, MALLORY, opened

from karst.forges.publishing import MergedRequest, Publisher, PublishFailure
from karst.report.sealed import CommentHeader
from tests.fakes.desk import Desk

pytestmark = pytest.mark.processes

HEADER = CommentHeader("shop", "", "")


def test_what_is_known_of_a_request(desk: Desk, ours: Publisher) -> None:
    number = opened(desk)
    facts = ours.request(number)
    assert (facts.head, facts.base_ref, facts.author) == (
        desk.head(number),
        "main",
        "ada",
    )
    assert (facts.is_open, facts.is_merged, facts.is_fork) == (True, False, False)
    assert facts.merge_commit == ""
    merged = desk.merge(number)
    after = ours.request(number)
    assert (after.is_open, after.is_merged, after.merge_commit) == (False, True, merged)
    with pytest.raises(PublishFailure) as caught:
        ours.request(99)
    assert caught.value.why == "missing"


def test_a_fork_s_request_is_found_by_its_head(desk: Desk, ours: Publisher) -> None:
    opened(desk, "other")
    number = opened(desk, "theirs", fork="mallory/shop")
    (found,) = ours.requests_of_head(desk.head(number))
    assert (found.number, found.is_fork) == (number, True)
    assert found.head_repository in ("mallory/shop", "")
    assert ours.requests_of_head("0" * 40) == ()
    desk.merge(number)
    assert ours.requests_of_head(found.head) == ()


def merged(requests: tuple[MergedRequest, ...]) -> list[tuple[int, str]]:
    return [(r.number, r.head) for r in requests]


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_requests_between_two_commits_in_their_order(
    desk: Desk, ours: Publisher, how: str
) -> None:
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


def test_where_a_request_began(desk: Desk, ours: Publisher) -> None:
    """Of its own commit, and of a trial merge with a base that has moved on."""
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


def test_requests_into_other_branches_do_not_count(desk: Desk, ours: Publisher) -> None:
    """A feature branch may be less guarded than the main one."""
    since = desk.git.resolve("main") or ""
    feature = opened(desk, "feature")
    inner = opened(desk, "inner", start="feature", base="feature")
    desk.merge(inner)
    last = desk.merge(feature)
    assert [n for n, _ in merged(ours.merged_requests(since, last))] == [feature]


def test_files_are_read_at_a_commit(desk: Desk, ours: Publisher) -> None:
    before = desk.git.resolve("main") or ""
    desk.git.commit({"repos.yaml": "- file:./b\n", "deep/er.txt": "é", "bin": b"\xff"})
    assert ours.read_file("repos.yaml", before) == "- file:./a\n"
    assert ours.read_file("repos.yaml", "main") == "- file:./b\n"
    assert ours.read_file("deep/er.txt", "main") == "é"
    assert ours.read_file("deep", "main") is None
    assert ours.read_file("deep/er.txt", before) is None
    with pytest.raises(PublishFailure, match="no UTF-8"):
        ours.read_file("bin", "main")
    with pytest.raises(PublishFailure) as caught:
        ours.read_file("repos.yaml", "0" * 40)
    assert caught.value.why == "missing"


def test_one_issue_opens_closes_and_opens_again(desk: Desk, ours: Publisher) -> None:
    other = CommentHeader("shop", "", "eu")
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


def test_another_s_issue_under_our_header_is_left(desk: Desk, ours: Publisher) -> None:
    ours.upsert_issue(HEADER, "Drift", "one")
    (issue,) = desk.shelf.issues.values()
    issue.author = MALLORY
    ours.upsert_issue(HEADER, "Drift", "two")
    assert len(desk.shelf.issues) == 2


@pytest.mark.parametrize("role", ["admin", "write", "read", None])
def test_what_a_user_may_do(desk: Desk, ours: Publisher, role: str | None) -> None:
    # Somebody whose name is a part of the other's.
    desk.shelf.roles["adam"] = "admin"
    if role:
        desk.shelf.roles["ada"] = role
    assert ours.permission("ada") == (role or "none")
