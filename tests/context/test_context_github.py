"""A GitHub job's variables and payload become a RunContext, or a sentence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from karst.context.github import read_github_context
from karst.context.payload import parse_event
from karst.context.run_context import Comment, FinishedRun, RunContext
from karst.errors import ConfigError

A, B, C = "a" * 40, "b" * 40, "c" * 40
SHOP = {"full_name": "acme/shop", "default_branch": "main"}
FORK = {"full_name": "stranger/shop"}
# What only one event's payload has.
KINDS = {
    "pull_request": "pull_request",
    "comment": "issue_comment",
    "workflow_run": "workflow_run",
}


def variables(event: str, **more: str) -> dict[str, str]:
    return {
        "GITHUB_EVENT_NAME": event,
        "GITHUB_WORKSPACE": "/github/workspace",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": C,
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_ACTOR": "ann",
        "GITHUB_RUN_ID": "42",
        "GITHUB_SERVER_URL": "https://github.example/",
        "GITHUB_API_URL": "https://github.example/api/v3",
    } | more


def pull_request(**more: Any) -> dict[str, Any]:
    return {
        "action": "synchronize",
        "repository": SHOP,
        "pull_request": {
            "number": 7,
            "user": {"login": "ann"},
            "head": {"ref": "topic", "sha": A, "repo": SHOP},
            "base": {"ref": "main", "sha": B, "repo": SHOP},
        }
        | more,
    }


def expected(**facts: Any) -> RunContext:
    known: dict[str, Any] = {
        "kind": "github",
        "workspace": Path("/github/workspace"),
        "repository": "acme/shop",
        "commit": C,
        "default_branch": "main",
        "branch": "main",
        "actor": "ann",
        "run_url": "https://github.example/acme/shop/actions/runs/42",
        "server_url": "https://github.example",
        "api_url": "https://github.example/api/v3",
    }
    return RunContext(**known | facts)


def test_pull_request() -> None:
    assert read_github_context(variables("pull_request"), pull_request()) == expected(
        event="request", request=7, head_commit=A, base_commit=B
    )


@pytest.mark.parametrize("head", [FORK, None], ids=["fork", "fork that is gone"])
def test_a_forks_request_is_restricted(head: object) -> None:
    event = pull_request(head={"ref": "topic", "sha": A, "repo": head})
    found = read_github_context(variables("pull_request"), event)
    assert (found.is_fork, found.is_restricted) == (True, True)


@pytest.mark.parametrize("who", ["author", "actor"])
def test_the_dependency_bots_request_is_restricted_and_no_fork(who: str) -> None:
    bot = "dependabot[bot]"
    event = pull_request(user={"login": bot}) if who == "author" else pull_request()
    environ = variables("pull_request", GITHUB_ACTOR=bot if who == "actor" else "ann")
    found = read_github_context(environ, event)
    assert (found.is_fork, found.is_restricted) == (False, True)


def test_a_closed_request_is_ended() -> None:
    event = pull_request() | {"action": "closed"}
    assert read_github_context(variables("pull_request"), event).is_ended


def test_push() -> None:
    event = {"repository": SHOP, "before": B, "after": C}
    found = read_github_context(variables("push"), event)
    assert found == expected(event="push", base_commit=B)
    assert found.is_on_default_branch


@pytest.mark.parametrize(
    ("ref", "branch", "is_main"),
    [
        ("refs/heads/main", "main", True),
        ("refs/heads/main/x", "main/x", False),
        ("refs/heads/release/1", "release/1", False),
        ("refs/tags/main", None, False),
        ("main", None, False),
        ("refs/heads/", None, False),
        ("refs/heads/a\nb", None, False),
    ],
)
def test_a_pushs_branch(ref: str, branch: str | None, is_main: bool) -> None:
    found = read_github_context(
        variables("push", GITHUB_REF=ref), {"repository": SHOP, "before": B}
    )
    assert (found.branch, found.is_on_default_branch) == (branch, is_main)


def test_a_branchs_first_push_has_no_commit_before() -> None:
    event = {"repository": SHOP, "before": "0" * 40}
    assert read_github_context(variables("push"), event).base_commit is None


def test_a_deleted_branch_is_ended() -> None:
    event = {"repository": SHOP, "before": B, "deleted": True}
    assert read_github_context(variables("push"), event).is_ended


def test_schedule_needs_no_payload() -> None:
    found = read_github_context(variables("schedule"), {"schedule": "0 4 * * *"})
    assert found == expected(event="schedule")
    assert found.is_on_default_branch


def merge_group(ref: str = f"refs/heads/gh-readonly-queue/main/pr-12-{B}") -> Any:
    return {
        "repository": SHOP,
        "merge_group": {
            "head_ref": ref,
            "head_sha": A,
            "base_ref": "refs/heads/main",
            "base_sha": B,
        },
    }


def test_merge_group_has_its_request_in_the_ref() -> None:
    assert read_github_context(variables("merge_group"), merge_group()) == expected(
        event="queue", request=12, head_commit=A, base_commit=B
    )


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main",
        "refs/heads/gh-readonly-queue/main/pr-x-1",
        "gh-readonly-queue/pr-12-ab",
        "",
    ],
)
def test_a_queue_without_a_number_is_a_sentence(ref: str) -> None:
    with pytest.raises(ConfigError, match="names no request"):
        read_github_context(variables("merge_group"), merge_group(ref))


def test_workflow_dispatch() -> None:
    environ = variables("workflow_dispatch", GITHUB_REF="refs/heads/topic")
    found = read_github_context(environ, {"repository": SHOP, "inputs": None})
    assert found == expected(event="manual", branch="topic")


def issue_comment(**more: Any) -> dict[str, Any]:
    return {
        "action": "created",
        "repository": SHOP,
        "issue": {"number": 7, "pull_request": {"url": "https://x"}},
        "comment": {"id": 99, "body": "/karst plan", "user": {"login": "bob"}},
    } | more


def test_issue_comment() -> None:
    assert read_github_context(variables("issue_comment"), issue_comment()) == expected(
        event="comment", request=7, comment=Comment(99, "bob", "/karst plan")
    )


def test_a_comment_on_an_issue_has_no_request() -> None:
    found = read_github_context(
        variables("issue_comment"), issue_comment(issue={"number": 7})
    )
    assert found.request is None


def test_an_edited_comment_is_no_new_one() -> None:
    event = issue_comment(action="edited")
    assert read_github_context(variables("issue_comment"), event).is_ended


def workflow_run(**more: Any) -> dict[str, Any]:
    run = {
        "id": 5,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": A,
        "head_branch": "topic",
        "head_repository": FORK,
    }
    return {"repository": SHOP, "workflow_run": run | more}


def test_workflow_run() -> None:
    run = FinishedRun(5, "pull_request", True, A, "stranger/shop", "topic")
    assert read_github_context(variables("workflow_run"), workflow_run()) == expected(
        event="follow", head_commit=A, follows=run
    )


def test_pull_request_target_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not run on pull_request_target"):
        read_github_context(variables("pull_request_target"), pull_request())


@pytest.mark.parametrize("name", ["", "release", "PUSH"])
def test_an_unknown_event_names_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_github_context(variables(name), {})
    assert "merge_group" in caught.value.remedy


@pytest.mark.parametrize(
    ("event", "path", "value"),
    [
        (pull_request(), "pull_request.number", "7"),
        (pull_request(), "pull_request.number", 0),
        (pull_request(), "pull_request.number", True),
        (pull_request(), "pull_request.number", None),
        (pull_request(), "pull_request.head.sha", "abc"),
        (pull_request(), "pull_request.head.sha", A + "\n"),
        (pull_request(), "pull_request.base.ref", "a b"),
        (pull_request(), "pull_request.base.ref", "--upload-pack=x"),
        (pull_request(), "pull_request.base.ref", "x" * 256),
        (pull_request(), "pull_request.base.repo.full_name", "acme/shop/../x"),
        (pull_request(), "pull_request", []),
        (issue_comment(), "comment.id", -1),
        (issue_comment(), "comment.user.login", "a/b"),
        (issue_comment(), "comment.user", None),
        (issue_comment(), "action", 5),
        (workflow_run(), "workflow_run.head_sha", "../../x"),
        (workflow_run(), "workflow_run.head_branch", ""),
        (workflow_run(), "workflow_run.head_repository.full_name", "x"),
        ({"repository": SHOP, "before": 5}, "before", 5),
        ({"repository": SHOP, "before": B}, "deleted", "no"),
    ],
)
def test_wrong_types_in_the_payload_are_a_sentence_that_names_the_key(
    event: dict[str, Any], path: str, value: object
) -> None:
    changed = copy.deepcopy(event)
    *folders, name = path.split(".")
    place = changed
    for folder in folders:
        place = place[folder]
    place[name] = value
    kind = next((KINDS[key] for key in event if key in KINDS), "push")
    with pytest.raises(ConfigError) as caught:
        read_github_context(variables(kind), changed)
    assert caught.value.where.startswith("GITHUB_EVENT_PATH")
    assert path.split(".")[0] in caught.value.where


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_WORKSPACE", ""),
        ("GITHUB_WORKSPACE", "work"),
        ("GITHUB_REPOSITORY", ""),
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_REPOSITORY", "acme/.."),
        ("GITHUB_REPOSITORY", "acme/shop/x"),
        ("GITHUB_SHA", "HEAD"),
        ("GITHUB_API_URL", "file:///etc"),
        ("GITHUB_API_URL", "https://[x"),
        ("GITHUB_SERVER_URL", "github.com"),
    ],
)
def test_odd_variables_are_a_sentence_that_names_them(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_github_context(
            variables("push", **{name: value}), {"repository": SHOP, "before": B}
        )
    assert caught.value.where == name


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_a_payload_that_is_no_object_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="no JSON object"):
        parse_event(text, where="GITHUB_EVENT_PATH")
