"""Which event leads to which task, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karst.context.run_context import Comment, FinishedRun, RunContext
from karst.errors import ConfigError
from karst.pipeline.step_task import decide


def context(event: Any, **facts: Any) -> RunContext:
    known: dict[str, Any] = {
        "kind": "github",
        "workspace": Path("/w"),
        "branch": "main",
        "default_branch": "main",
    }
    return RunContext(event=event, **known | facts)


def comment(body: str, **facts: Any) -> RunContext:
    return context("comment", request=7, comment=Comment(1, "bob", body), **facts)


def follow(event: str = "pull_request") -> RunContext:
    run = FinishedRun(5, event, True, "a" * 40, "stranger/shop", "topic")
    return context("follow", follows=run)


@pytest.mark.parametrize(
    ("given", "work", "comments", "asked"),
    [
        (context("request", request=7), "plan", True, False),
        (context("request", request=7, is_restricted=True), "plan", False, False),
        (context("request", request=7, is_ended=True), "nothing", False, False),
        (context("push"), "apply", False, False),
        (context("push", branch="topic"), "plan", False, False),
        (context("push", branch=None), "plan", False, False),
        (context("push", branch=None, default_branch=None), "plan", False, False),
        (context("push", is_ended=True), "nothing", False, False),
        (context("schedule"), "e2e", False, False),
        (context("queue", request=7), "plan", True, False),
        (context("manual"), "plan", False, False),
        (comment("/karst plan"), "plan", True, True),
        (comment("/karst apply\nplease"), "apply", False, True),
        (comment("  /karst   plan  "), "plan", True, True),
        (comment("/karst plan now"), "nothing", False, False),
        (comment("/karst destroy"), "nothing", False, False),
        (comment("/karstplan"), "nothing", False, False),
        (comment("please /karst apply"), "nothing", False, False),
        (comment(""), "nothing", False, False),
        (comment("/karst plan", is_ended=True), "nothing", False, False),
        (follow(), "post", True, False),
        (follow("push"), "nothing", False, False),
    ],
)
def test_auto_goes_by_the_event(
    given: RunContext, work: str, comments: bool, asked: bool
) -> None:
    task = decide(given, "auto")
    assert (task.work, task.comments, task.asked) == (work, comments, asked)
    assert task.why


def test_a_comment_on_an_issue_asks_for_nothing() -> None:
    given = context("comment", comment=Comment(1, "bob", "/karst apply"))
    assert decide(given, "auto").work == "nothing"


@pytest.mark.parametrize("command", ["plan", "apply", "e2e", "destroy", "drift"])
def test_a_command_wins_over_the_event(command: Any) -> None:
    assert decide(context("manual"), command).work == command


def test_a_plan_that_is_asked_for_on_a_request_is_commented_too() -> None:
    assert decide(context("request", request=7), "plan").comments


@pytest.mark.parametrize("event", ["request", "queue"])
@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_nothing_is_deployed_from_a_request(event: str, command: Any) -> None:
    with pytest.raises(ConfigError, match="nobody has reviewed"):
        decide(context(event, request=7), command)


def test_a_strangers_code_is_not_run() -> None:
    with pytest.raises(ConfigError, match="stranger's"):
        decide(context("request", request=7, is_restricted=True), "e2e")


@pytest.mark.parametrize("given", [comment("/karst plan"), follow()])
def test_a_command_does_not_go_with_events_that_say_what_to_do(
    given: RunContext,
) -> None:
    with pytest.raises(ConfigError, match="does not go with"):
        decide(given, "apply")
