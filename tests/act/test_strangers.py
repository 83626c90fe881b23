"""Forks' requests, the second workflow that posts their plan, and who may ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from act_runner import ActRun
from calling import ADA, FORK_TOKEN, Calling, app, git

from karst.report.sealed import open_sealed
from tests.fakes.github import User

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]

STRANGER = User("mallory", 9)
FORK = "mallory/shop"


@pytest.fixture
def request_number(calling: Calling) -> int:
    """A stranger's request that adds a service, on a main that has one."""
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    text = calling.repos("file:./web", {"slug": "file:./api", "calls": ["web"]})
    files = {"api/main.py": app(), "repos.yaml": text}
    return calling.desk.open("topic", files, author=STRANGER, fork=FORK)


def second_run(
    calling: Calling, artifacts: Path, head: str, fork: str = FORK
) -> ActRun:
    """The second workflow: it has a token and no checkout, and what the first run left."""
    workspace = calling.folder / "second" / "shop"
    workflow = workspace / ".github" / "workflows" / "karst.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        calling.workflow().replace("uses: actions/checkout@v4", "run: 'true'")
    )
    (workspace / ".karst").mkdir()
    artifacts.rename(workspace / ".karst" / "artifacts")
    run = {
        "id": 5,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": head,
        "head_branch": "topic",
        "head_repository": {"full_name": fork},
    }
    # Where there is no repository, act knows no commit; GitHub tells one.
    git(workspace, "init", "-q", "-b", "main")
    git(workspace, "commit", "-q", "--allow-empty", "-m", "none of ours")
    return replace(calling, bind=True).run(
        "workflow_run", {"workflow_run": run}, workspace
    )


def test_a_forks_plan_is_posted_by_the_second_workflow(
    calling: Calling, request_number: int
) -> None:
    desk = calling.desk
    forks = {"GITHUB_TOKEN": FORK_TOKEN, "RECEIPT_KEY": ""}
    stranger = replace(calling, bind=True, secrets=forks)
    first = stranger.pull_request(request_number).ok()
    assert "add" in first.summary
    assert calling.comments(request_number) == []

    artifacts = stranger.workspace / ".karst" / "artifacts"
    (report,) = artifacts.rglob("for-comment.json")
    forged = report.read_text().replace("file:./api", "@everyone <b>file</b>")
    report.write_text(forged)
    posted = second_run(calling, artifacts, desk.head(request_number)).ok()
    assert posted.outputs["karst.comment-url"]
    (comment,) = calling.comments(request_number)
    sealed = open_sealed(comment)
    assert sealed
    assert sealed.signed == ""
    assert "take it as the author's word" in sealed.body
    assert "`@everyone <b>file</b>`" in sealed.body
    assert calling.containers() == []


def test_the_second_workflow_finds_the_request_by_the_commit_alone(
    calling: Calling, request_number: int
) -> None:
    other = calling.desk.open("other", {"x": "y"}, author=ADA)
    stranger = replace(calling, bind=True, secrets={"GITHUB_TOKEN": FORK_TOKEN})
    stranger.pull_request(request_number).ok()
    artifacts = stranger.workspace / ".karst" / "artifacts"
    # Somebody else's commit, claimed by the fork: the repositories do not fit.
    second_run(calling, artifacts, calling.desk.head(other)).ok()
    assert calling.comments(other) == calling.comments(request_number) == []


def comment(calling: Calling, number: int, author: User, text: str) -> ActRun:
    made = calling.desk.comment(number, author, text)
    return calling.other(
        "issue_comment",
        action="created",
        issue={"number": number, "pull_request": {"url": "https://x"}},
        comment={"id": made, "body": text, "user": {"login": author.login}},
    )


def test_who_may_write_may_ask_for_a_plan_and_nobody_for_an_unmerged_apply(
    calling: Calling, request_number: int
) -> None:
    desk = calling.desk
    desk.shelf.roles = {"ada": "write"}
    refused = comment(calling, request_number, STRANGER, "/karst plan").ok()
    assert "mallory may not write to this repository" in refused.log
    unmerged = comment(calling, request_number, ADA, "/karst apply").ok()
    assert "nothing is applied before it is" in unmerged.log
    assert calling.comments(request_number) == []
    assert calling.containers() == []

    planned = comment(calling, request_number, ADA, "/karst plan").ok()
    assert planned.outputs["karst.changes"] == "true"
    (text,) = calling.comments(request_number)
    assert "`api`" in text
    sealed = open_sealed(text)
    assert sealed
    assert sealed.signed.startswith("hmac-sha256 ")

    # What was planned so counts after the merge.
    desk.merge(request_number)
    calling.push().ok()
    assert any("-api-" in name for name in calling.containers())
    again = comment(calling, request_number, ADA, "/karst apply").ok()
    assert again.outputs["karst.changes"] == "false"
