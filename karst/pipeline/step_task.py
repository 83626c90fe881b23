"""What the step does: from the event and the inputs to one task, decided without effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from karst.config.inputs import StepCommand
from karst.context.run_context import RunContext
from karst.errors import ConfigError

Work = Literal["plan", "apply", "e2e", "destroy", "drift", "lock", "post", "nothing"]
# What deploys, or runs fetched code.
_ACTING = ("apply", "e2e", "destroy")


@dataclass(frozen=True)
class Task:
    """What to do.

    Attributes:
        why: a sentence for the log.
        comments: whether the plan belongs into a comment on the request.
        asked: whether a person's comment asks for it: their permission is to be
            checked first.
    """

    work: Work
    why: str
    comments: bool = False
    asked: bool = False


def decide(context: RunContext, command: StepCommand) -> Task:
    """Say what the step does here; raises ConfigError for what it must not do."""
    if context.event == "comment":
        return _of_comment(context, command)
    if context.event == "follow":
        return _of_follow(context, command)
    if context.is_ended:
        what = "request is closed" if context.event == "request" else "branch is gone"
        return Task("nothing", f"the {what}")
    task = _of_event(context)
    if command != "auto":
        _refuse(context, command)
        comments = command == "plan" and task.comments
        task = Task(command, f"'command: {command}' asks for it", comments)
    return task


def _of_event(context: RunContext) -> Task:
    if context.event == "request":
        why = f"request {context.request} is under review"
        if context.is_restricted:
            why += "; its token may only read, so the plan goes to the summary and an artifact"
        return Task("plan", why, comments=not context.is_restricted)
    if context.event == "queue":
        # Here even a fork's request has a token that may comment and sign.
        why = f"request {context.request} is in the merge queue"
        return Task("plan", why, comments=True)
    if context.event == "schedule":
        return Task("e2e", "it is time for the test from end to end")
    if context.event == "push" and context.is_on_default_branch:
        return Task("apply", f"'{context.branch}' has a new commit")
    if context.event == "push":
        return Task("plan", f"'{context.branch or 'a tag'}' is not the default branch")
    return Task("plan", "nothing else was asked for")


def _of_comment(context: RunContext, command: StepCommand) -> Task:
    assert context.comment  # noqa: S101  (the event has one)
    words = context.comment.body.strip().split("\n")[0].split()
    if command != "auto":
        raise ConfigError(
            f"'command: {command}' does not go with a comment, which says what to do itself",
            where="input command",
            remedy="leave 'command' out, and write `/karst plan` or `/karst apply`",
        )
    if words[:1] != ["/karst"]:
        return Task("nothing", "the comment is not for karst")
    if context.request is None:
        return Task("nothing", "the comment is not on a request")
    if context.is_ended:
        return Task("nothing", "the comment is not a new one")
    if words[1:] == ["plan"]:
        return Task("plan", "a comment asks for it", comments=True, asked=True)
    if words[1:] == ["apply"]:
        return Task("apply", "a comment asks for it", asked=True)
    return Task("nothing", "karst knows `/karst plan` and `/karst apply` only")


def _of_follow(context: RunContext, command: StepCommand) -> Task:
    assert context.follows  # noqa: S101  (the event has one)
    if command != "auto":
        raise ConfigError(
            f"'command: {command}' does not go with workflow_run",
            where="input command",
            remedy="leave 'command' out: there the step only posts the other run's plan",
        )
    if context.follows.event != "pull_request":
        return Task("nothing", "the other run was not for a pull request")
    return Task("post", "a run without a token of its own has planned", comments=True)


def _refuse(context: RunContext, command: StepCommand) -> None:
    """Raise where `command` would deploy, or run, what nobody has reviewed."""
    if command not in _ACTING:
        return
    unreviewed = context.event in ("request", "queue")
    if unreviewed and command != "e2e":
        raise ConfigError(
            f"'command: {command}' on a request would act on what nobody has reviewed",
            where="input command",
            remedy="leave 'command' out, so that a request is planned and a push to the default branch applied",
        )
    if unreviewed and context.is_restricted:
        raise ConfigError(
            "e2e on a stranger's request would build and run the stranger's code",
            where="input command",
            remedy="run e2e on a schedule or after the merge",
        )
