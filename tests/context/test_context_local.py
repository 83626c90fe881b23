"""RunContext on a person's machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.context.local import read_local_context
from karst.context.run_context import EventKind, RunContext

CWD = Path("/home/me/shop")


def test_a_terminal() -> None:
    assert read_local_context({"TERM": "xterm"}, CWD, True) == RunContext(
        kind="local",
        workspace=CWD,
        event="manual",
        repository=None,
        commit=None,
        branch=None,
        default_branch=None,
        request=None,
        is_fork=False,
        is_interactive=True,
    )


@pytest.mark.parametrize(
    ("environ", "isatty", "is_interactive"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"CI": "true"}, True, False),
        ({"CI": "1"}, True, False),
        ({"CI": "false"}, True, True),
        ({"CI": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_who_watches(
    environ: dict[str, str], isatty: bool, is_interactive: bool
) -> None:
    context = read_local_context(environ, CWD, isatty)
    assert context.is_interactive is is_interactive


@pytest.mark.parametrize(
    ("context", "name"),
    [
        (RunContext("local", CWD), "shop"),
        (RunContext("local", Path("/")), "stack"),
        (RunContext("github", Path("/github/workspace"), repository="acme/web"), "web"),
        (RunContext("gitlab", CWD, repository="acme/platform/api"), "api"),
    ],
)
def test_names(context: RunContext, name: str) -> None:
    assert context.name == name


def test_only_a_persons_dotenv_counts() -> None:
    assert RunContext("local", CWD).reads_dotenv
    assert not RunContext("github", CWD).reads_dotenv
    assert not RunContext("gitlab", CWD).reads_dotenv


@pytest.mark.parametrize(
    ("event", "branch", "expected"),
    [
        ("push", "main", True),
        ("schedule", "main", True),
        ("manual", "main", True),
        ("push", "feature", False),
        ("push", None, False),
        ("request", "main", False),
        ("queue", "main", False),
    ],
)
def test_the_default_branch(
    event: EventKind, branch: str | None, expected: bool
) -> None:
    context = RunContext("github", CWD, event, branch=branch, default_branch="main")
    assert context.is_on_default_branch is expected


def test_no_known_branch_is_not_the_default_one() -> None:
    assert not RunContext("local", CWD).is_on_default_branch
