"""What is GitLab's own of its publisher: jobs' tokens, its own notes, fast-forwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from publishers import ADA, BOT, TOKEN, open_publisher, opened

from karst.forges.publishing import PublishFailure
from karst.report.sealed import CommentHeader, seal
from tests.fakes.described import gitlab_faults
from tests.fakes.desk import Desk
from tests.fakes.gitlab import FakeGitLab, User

pytestmark = pytest.mark.processes

HEADER = CommentHeader("shop", "", "")
JOB_TOKEN = "job-canary9876543210canary"
# Groups nest.
REPOSITORY = "acme/platform/shop"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    tokens = {TOKEN: BOT, JOB_TOKEN: User("gitlab-ci-token", 9, "Bot")}
    with FakeGitLab(tokens=tokens, job_tokens={JOB_TOKEN}) as forge:
        forge.add(REPOSITORY, tmp_path / "shop", private=True).commit({"a": "a"})
        yield Desk(forge, REPOSITORY)
    assert (forge.violations, forge.crashes) == ([], [])
    assert gitlab_faults(forge.seen_documents) == []


def test_a_note_s_address_is_its_place_on_the_page(desk: Desk) -> None:
    number = opened(desk)
    text = seal("one", HEADER)
    url = open_publisher(desk).upsert_comment(number, HEADER, text, "update")
    (note,) = desk.comments(number)
    page = f"{desk.forge.url}/{REPOSITORY}/-/merge_requests/{number}"
    assert url == f"{page}#note_{note.id}"


def test_a_job_s_own_token_may_not_write_and_the_remedy_says_which_may(
    desk: Desk,
) -> None:
    number, ours = opened(desk), open_publisher(desk, JOB_TOKEN, scheme="job")
    questions = (
        lambda: ours.upsert_comment(number, HEADER, seal("one", HEADER), "update"),
        lambda: ours.request(number),
        lambda: ours.read_file("a", "main"),
        lambda: ours.merged_requests(None, desk.head(number)),
    )
    for ask in questions:
        with pytest.raises(PublishFailure) as caught:
            ask()
        assert caught.value.why == "forbidden"
        assert "gitlab-token" in caught.value.remedy
        assert "canary" not in str(caught.value)


def test_a_fast_forward_is_found_by_the_commit_that_came_in(desk: Desk) -> None:
    """There is no commit of the merge; and the rebase before it moved the head."""
    since = desk.git.resolve("main") or ""
    number = opened(desk)
    desk.git.commit({"direct.txt": "pushed"})
    last = desk.merge(number, "fast-forward")
    ours = open_publisher(desk)
    (found,) = ours.merged_requests(since, last)
    assert (found.number, found.head, found.commit) == (number, last, last)
    assert ours.request(number).merge_commit == last


def test_gitlab_s_own_notes_in_the_user_s_name_are_none(desk: Desk) -> None:
    number, ours = opened(desk), open_publisher(desk)
    desk.comment(number, BOT, seal("changed the description", HEADER))
    desk.shelf.comments[max(desk.shelf.comments)].is_system = True
    desk.comment(number, ADA, "nice")
    assert ours.own_comments(number) == ()


def test_an_unknown_commit_is_not_a_branch_without_the_file(desk: Desk) -> None:
    """Else a request would be planned as if the base branch had no repos.yaml."""
    ours = open_publisher(desk)
    assert ours.read_file("none", "main") is None
    with pytest.raises(PublishFailure) as caught:
        ours.read_file("a", "0" * 40)
    assert caught.value.why == "missing"
