"""RunContext of a GitLab CI job, from its variables: GitLab gives no payload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from karst.context.payload import is_branch, is_commit, read_url
from karst.context.run_context import RunContext
from karst.errors import ConfigError

# Groups nest up to twenty deep (GitLab's page on subgroups).
_PROJECT = re.compile(r"[A-Za-z0-9_.-]{1,255}(?:/[A-Za-z0-9_.-]{1,255}){1,21}")
_NOBODY = "0" * 40
_SOURCE = "CI_PIPELINE_SOURCE"
_MANUAL = ("web", "api", "trigger", "pipeline", "chat", "webide")


def read_gitlab_context(environ: Mapping[str, str]) -> RunContext:
    """Return the context of a job from its CI_* variables.

    Raises ConfigError for what can't be a GitLab job, or a pipeline that karst has
    nothing to do in.
    """
    context = RunContext(
        kind="gitlab",
        workspace=_workspace(environ),
        repository=_project(environ, "CI_PROJECT_PATH"),
        commit=_commit(environ, "CI_COMMIT_SHA"),
        branch=_branch(environ, "CI_COMMIT_BRANCH"),
        default_branch=_branch(environ, "CI_DEFAULT_BRANCH"),
        actor=environ.get("GITLAB_USER_LOGIN") or None,
        run_url=read_url(environ, "CI_JOB_URL", ""),
        server_url=read_url(environ, "CI_SERVER_URL", "https://gitlab.com"),
        api_url=read_url(environ, "CI_API_V4_URL", "https://gitlab.com/api/v4"),
    )
    source = environ.get(_SOURCE, "")
    if environ.get("CI_MERGE_REQUEST_IID"):
        return _request(context, environ)
    if source == "push":
        before = environ.get("CI_COMMIT_BEFORE_SHA", _NOBODY)
        known = is_commit(before) and before != _NOBODY
        return replace(context, event="push", base_commit=before if known else None)
    if source == "schedule":
        return replace(context, event="schedule")
    if source in _MANUAL:
        return replace(context, event="manual")
    raise ConfigError(
        f"karst has nothing to do in a pipeline of '{source:.60}'",
        where=_SOURCE,
        remedy="run the job in pipelines of merge requests, of the default branch, of schedules, or by hand",
    )


def _request(context: RunContext, environ: Mapping[str, str]) -> RunContext:
    number = environ["CI_MERGE_REQUEST_IID"]
    if not re.fullmatch(r"[1-9][0-9]{0,17}", number):
        raise ConfigError(
            f"'{number:.40}' is no merge request's number", where="CI_MERGE_REQUEST_IID"
        )
    target = _project(environ, "CI_MERGE_REQUEST_PROJECT_PATH")
    source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "")
    # In a pipeline of merged results the commit that is checked out is the trial merge.
    head = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or context.commit
    base = environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA") or environ.get(
        "CI_MERGE_REQUEST_DIFF_BASE_SHA", ""
    )
    is_train = environ.get("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train"
    # A fork's pipeline runs in the fork, with the fork's variables and token.
    is_fork = source != target
    return replace(
        context,
        event="queue" if is_train else "request",
        repository=target,
        request=int(number),
        branch=_branch(environ, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        head_commit=head if head and is_commit(head) else None,
        base_commit=base if is_commit(base) else None,
        is_fork=is_fork,
        is_restricted=is_fork,
    )


def _workspace(environ: Mapping[str, str]) -> Path:
    path = Path(environ.get("CI_PROJECT_DIR", ""))
    if not path.is_absolute():
        raise ConfigError(
            "the job has no workspace",
            where="CI_PROJECT_DIR",
            remedy="let the job fetch the repository: no `GIT_STRATEGY: none` here",
        )
    return path


def _project(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(name, "")
    if not _PROJECT.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ConfigError(f"'{path:.80}' is no project", where=name)
    return path


def _commit(environ: Mapping[str, str], name: str) -> str:
    commit = environ.get(name, "")
    if not is_commit(commit):
        raise ConfigError(f"'{commit:.80}' is no full commit id", where=name)
    return commit


def _branch(environ: Mapping[str, str], name: str) -> str | None:
    found = environ.get(name, "")
    return found if found and is_branch(found) else None
