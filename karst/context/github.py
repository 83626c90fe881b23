"""RunContext of a GitHub Actions job, from its variables and the event's payload."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from karst.context.payload import (
    Payload,
    is_branch,
    is_commit,
    is_repository,
    read_url,
)
from karst.context.run_context import Comment, FinishedRun, RunContext
from karst.errors import ConfigError

_EVENT = "GITHUB_EVENT_PATH"
# The request's number is nowhere else (GitHub's page on merge queues).
_QUEUE_REF = re.compile(
    r"(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>[0-9]{1,18})-[0-9a-f]+"
)
_DEPENDABOT = "dependabot[bot]"
_NOBODY = "0" * 40


def read_github_context(
    environ: Mapping[str, str], event: Mapping[str, Any]
) -> RunContext:
    """Return the context of a job.

    Args:
        environ: the job's variables (GITHUB_*).
        event: the payload, as the file at GITHUB_EVENT_PATH has it.

    Raises ConfigError for what can't be a GitHub job, or an event that karst must not
    follow.
    """
    name = environ.get("GITHUB_EVENT_NAME", "")
    read = _READERS.get(name)
    if read is None:
        _refuse_event(name)
    context = RunContext(
        kind="github",
        workspace=_workspace(environ),
        repository=_repository(environ),
        commit=_commit(environ),
        default_branch=_default_branch(event),
        actor=environ.get("GITHUB_ACTOR") or None,
        server_url=read_url(environ, "GITHUB_SERVER_URL", "https://github.com"),
        api_url=read_url(environ, "GITHUB_API_URL", "https://api.github.com"),
    )
    run = environ.get("GITHUB_RUN_ID", "")
    if run.isascii() and run.isdecimal():
        page = f"{context.server_url}/{context.repository}/actions/runs/{run}"
        context = replace(context, run_url=page)
    return read(context, Payload(event, _EVENT), environ)


# --- one reader per event ---


def _request(context: RunContext, event: Payload, _: Mapping[str, str]) -> RunContext:
    base = event.repository("pull_request.base.repo.full_name")
    # A fork that was deleted since leaves null.
    head = event.find("pull_request.head.repo.full_name")
    author = event.text("pull_request.user.login", "")
    is_fork = head != base
    is_bot = _DEPENDABOT in (author, context.actor)
    return replace(
        context,
        event="request",
        request=event.number("pull_request.number"),
        branch=event.branch("pull_request.base.ref"),
        base_commit=event.commit("pull_request.base.sha"),
        head_commit=event.commit("pull_request.head.sha"),
        is_fork=is_fork,
        is_restricted=is_fork or is_bot,
        is_ended=event.text("action", "") == "closed",
    )


def _push(
    context: RunContext, event: Payload, environ: Mapping[str, str]
) -> RunContext:
    before = event.text("before", _NOBODY)
    return replace(
        context,
        event="push",
        branch=_branch(environ),
        base_commit=before if is_commit(before) and before != _NOBODY else None,
        is_ended=event.truth("deleted"),
    )


def _queue(context: RunContext, event: Payload, _: Mapping[str, str]) -> RunContext:
    ref = event.text("merge_group.head_ref")
    found = _QUEUE_REF.fullmatch(ref)
    if found is None:
        raise ConfigError(
            f"the merge queue's ref names no request: '{ref:.80}'",
            where=f"{_EVENT} merge_group.head_ref",
            remedy="start karst from GitHub's own merge queue",
        )
    base = event.branch("merge_group.base_ref").removeprefix("refs/heads/")
    return replace(
        context,
        event="queue",
        request=int(found["number"]),
        branch=base,
        base_commit=event.commit("merge_group.base_sha"),
        head_commit=event.commit("merge_group.head_sha"),
    )


def _schedule(
    context: RunContext, _: Payload, environ: Mapping[str, str]
) -> RunContext:
    # A timer runs on the default branch, and its payload may say nothing else.
    branch = _branch(environ)
    default = context.default_branch or branch
    return replace(context, event="schedule", branch=branch, default_branch=default)


def _dispatch(
    context: RunContext, _: Payload, environ: Mapping[str, str]
) -> RunContext:
    return replace(context, event="manual", branch=_branch(environ))


def _comment(context: RunContext, event: Payload, _: Mapping[str, str]) -> RunContext:
    is_request = isinstance(event.find("issue.pull_request"), Mapping)
    is_new = event.text("action") == "created"
    return replace(
        context,
        event="comment",
        branch=context.default_branch,
        request=event.number("issue.number") if is_request else None,
        is_ended=not is_new,
        comment=Comment(
            id=event.number("comment.id"),
            author=event.login("comment.user.login"),
            body=event.text("comment.body", ""),
        ),
    )


def _follow(context: RunContext, event: Payload, _: Mapping[str, str]) -> RunContext:
    return replace(
        context,
        event="follow",
        branch=context.default_branch,
        head_commit=event.commit("workflow_run.head_sha"),
        follows=FinishedRun(
            id=event.number("workflow_run.id"),
            event=event.text("workflow_run.event"),
            well=event.find("workflow_run.conclusion") == "success",
            head_commit=event.commit("workflow_run.head_sha"),
            head_repository=event.repository("workflow_run.head_repository.full_name"),
            head_branch=event.branch("workflow_run.head_branch"),
        ),
    )


_READERS: dict[str, Callable[[RunContext, Payload, Mapping[str, str]], RunContext]] = {
    "pull_request": _request,
    "push": _push,
    "merge_group": _queue,
    "schedule": _schedule,
    "workflow_dispatch": _dispatch,
    "issue_comment": _comment,
    "workflow_run": _follow,
}


# --- variables ---


def _refuse_event(name: str) -> NoReturn:
    if name == "pull_request_target":
        raise ConfigError(
            "karst does not run on pull_request_target",
            where="GITHUB_EVENT_NAME",
            remedy="that event has the repository's secrets at hand while it reads a stranger's files: use pull_request, and the second workflow for forks",
        )
    known = ", ".join(_READERS)
    raise ConfigError(
        f"karst has nothing to do on the event '{name:.60}'",
        where="GITHUB_EVENT_NAME",
        remedy=f"start it on one of {known}",
    )


def _workspace(environ: Mapping[str, str]) -> Path:
    path = Path(environ.get("GITHUB_WORKSPACE", ""))
    if not path.is_absolute():
        raise ConfigError(
            "the job has no workspace",
            where="GITHUB_WORKSPACE",
            remedy="check the repository out before this step (actions/checkout)",
        )
    return path


def _repository(environ: Mapping[str, str]) -> str:
    name = environ.get("GITHUB_REPOSITORY", "")
    if not is_repository(name):
        raise ConfigError(f"'{name:.80}' is no repository", where="GITHUB_REPOSITORY")
    return name


def _commit(environ: Mapping[str, str]) -> str:
    commit = environ.get("GITHUB_SHA", "")
    if not is_commit(commit):
        raise ConfigError(f"'{commit:.80}' is no full commit id", where="GITHUB_SHA")
    return commit


def _branch(environ: Mapping[str, str]) -> str | None:
    """The branch that the job runs for; None where it runs for a tag."""
    ref = environ.get("GITHUB_REF", "")
    name = ref.removeprefix("refs/heads/")
    return name if name != ref and is_branch(name) else None


def _default_branch(event: Mapping[str, Any]) -> str | None:
    found = Payload(event, _EVENT).find("repository.default_branch")
    return found if isinstance(found, str) and is_branch(found) else None
