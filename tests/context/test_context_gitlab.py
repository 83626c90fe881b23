"""A GitLab job's variables become a RunContext, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karst.context.gitlab import read_gitlab_context
from karst.errors import ConfigError

A, B, C = "a" * 40, "b" * 40, "c" * 40
JOB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_DIR": "/builds/acme/platform/shop",
    "CI_PROJECT_PATH": "acme/platform/shop",
    "CI_COMMIT_SHA": A,
    "CI_DEFAULT_BRANCH": "main",
    "CI_SERVER_URL": "https://gitlab.acme.example/",
    "CI_API_V4_URL": "https://gitlab.acme.example/api/v4",
    "CI_JOB_URL": "https://gitlab.acme.example/acme/platform/shop/-/jobs/7",
    "GITLAB_USER_LOGIN": "ada",
}
PUSH = {
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_BEFORE_SHA": B,
}
REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
    "CI_MERGE_REQUEST_PROJECT_PATH": "acme/platform/shop",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "acme/platform/shop",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": B,
}
MERGED = {
    "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": C,
    "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "d" * 40,
}


@pytest.mark.parametrize(
    ("variables", "facts"),
    [
        (
            PUSH,
            {
                "event": "push",
                "branch": "main",
                "commit": A,
                "base_commit": B,
                "is_on_default_branch": True,
            },
        ),
        ({**PUSH, "CI_COMMIT_BEFORE_SHA": "0" * 40}, {"base_commit": None}),
        (
            {**PUSH, "CI_COMMIT_BRANCH": "feature/x"},
            {"is_on_default_branch": False, "branch": "feature/x"},
        ),
        (
            REQUEST,
            {
                "event": "request",
                "request": 7,
                "branch": "main",
                "head_commit": A,
                "base_commit": B,
                "is_fork": False,
                "is_restricted": False,
            },
        ),
        (
            {**REQUEST, **MERGED},
            {"event": "request", "head_commit": C, "base_commit": "d" * 40},
        ),
        (
            {**REQUEST, **MERGED, "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train"},
            {"event": "queue", "request": 7, "head_commit": C},
        ),
        (
            {
                **REQUEST,
                "CI_PROJECT_PATH": "eve/shop",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "eve/shop",
            },
            {
                "repository": "acme/platform/shop",
                "is_fork": True,
                "is_restricted": True,
            },
        ),
        (
            {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"},
            {"event": "schedule", "is_on_default_branch": True},
        ),
        ({"CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "x"}, {"event": "manual"}),
    ],
)
def test_what_a_job_is(variables: dict[str, str], facts: dict[str, Any]) -> None:
    context = read_gitlab_context({**JOB, **variables})
    assert context.kind == "gitlab"
    assert {name: getattr(context, name) for name in facts} == facts


def test_what_every_job_has() -> None:
    context = read_gitlab_context({**JOB, **PUSH})
    assert context.workspace == Path("/builds/acme/platform/shop")
    assert context.repository == "acme/platform/shop"
    assert context.name == "shop"
    assert context.actor == "ada"
    assert context.server_url == "https://gitlab.acme.example"
    assert context.run_url.endswith("/-/jobs/7")
    assert not context.reads_dotenv


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"CI_PIPELINE_SOURCE": "external_pull_request_event"}, "CI_PIPELINE_SOURCE"),
        ({}, "CI_PIPELINE_SOURCE"),
        ({**PUSH, "CI_PROJECT_DIR": "builds"}, "CI_PROJECT_DIR"),
        ({**PUSH, "CI_PROJECT_PATH": "shop"}, "CI_PROJECT_PATH"),
        ({**PUSH, "CI_PROJECT_PATH": "a/../b"}, "CI_PROJECT_PATH"),
        ({**PUSH, "CI_COMMIT_SHA": "main"}, "CI_COMMIT_SHA"),
        ({**PUSH, "CI_SERVER_URL": "gitlab"}, "CI_SERVER_URL"),
        ({**REQUEST, "CI_MERGE_REQUEST_IID": "7; rm"}, "CI_MERGE_REQUEST_IID"),
        (
            {**REQUEST, "CI_MERGE_REQUEST_PROJECT_PATH": ""},
            "CI_MERGE_REQUEST_PROJECT_PATH",
        ),
    ],
)
def test_what_is_no_job_is_a_sentence(variables: dict[str, str], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_gitlab_context({**JOB, **variables})
    assert caught.value.where == where
