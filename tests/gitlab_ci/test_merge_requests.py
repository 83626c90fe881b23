"""A merge request: its plan in one note, in the widget, in the log, in files."""

from __future__ import annotations

import json
import re

import pytest
from gitlab_project import ADA, PATH, GitLabProject

from karst.report.sealed import open_sealed
from tests.pipelined import app

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_request_is_planned_and_its_one_note_kept_up_to_date(
    project: GitLabProject,
) -> None:
    """By the file as a component; the second time in a merge train."""
    component = {"component": f"gitlab.test/{PATH}/karst@$CI_COMMIT_SHA"}
    files = project.files("file:./web") | project.pipeline(component)
    project.desk.git.commit(files | {"web/main.py": app()})
    number = project.desk.open(
        "add-api",
        {"api/main.py": app(), "repos.yaml": project.repos("file:./web", "file:./api")},
        author=ADA,
    )
    first = project.merge_request(number).ok()
    (note,) = project.notes(number)
    assert "2 to add" in note
    sealed = open_sealed(note)
    assert sealed
    assert sealed.signed.startswith("hmac-sha256 ")
    widget = json.loads(first.artifact("resources.json"))
    assert widget["create"] > 0
    assert "KARST_CHANGES=true" in first.artifact("outputs.env")
    # The runner itself has found the section's beginning and its end.
    assert re.search(r"plan_started\n.*\bplan took", first.log, re.S)
    assert project.containers() == []

    project.desk.push("add-api", {"repos.yaml": project.repos("file:./api")})
    project.merge_request(
        number,
        CI_MERGE_REQUEST_EVENT_TYPE="merge_train",
        CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=project.desk.head(number),
    ).ok()
    (note,) = project.notes(number)
    assert "1 to add" in note
    assert "karst:receipt hmac-sha256" in note


def test_a_job_s_own_token_is_enough_for_a_plan_without_a_note(
    project: GitLabProject,
) -> None:
    """The base branch's target and state come from the clone; the rest is told."""
    project.desk.git.commit(project.files("file:./web") | {"web/main.py": app()})
    text = project.repos("file:./web", target={"docker_host": "tcp://127.0.0.1:9"})
    number = project.desk.open("move", {"repos.yaml": text}, author=ADA)
    del project.variables["GITLAB_TOKEN"]
    found = project.merge_request(number).ok()
    assert project.notes(number) == []
    assert "1 to add" in found.artifact("summary.md")
    assert json.loads(found.artifact("resources.json"))["create"] > 0
    assert "tcp://127.0.0.1:9" in found.artifact("summary.md")
    (line,) = [line for line in found.log.splitlines() if "WARNING" in line]
    assert "a job's own token may not write notes" in line


def test_a_fork_s_request_is_planned_without_a_receipt(project: GitLabProject) -> None:
    project.desk.git.commit(project.files("file:./web") | {"web/main.py": app()})
    text = project.repos("file:./web", "file:./api")
    files = {"repos.yaml": text, "api/main.py": app()}
    number = project.desk.open("theirs", files, author=ADA, fork="mallory/shop")
    # A fork's pipeline has the fork's variables, and the fork's runner.
    project.variables, project.socket = {}, False
    found = project.merge_request(number, fork="mallory/shop").ok()
    assert project.notes(number) == []
    assert "its token may only read" in found.log
    assert "neither a `docker:dind` service nor the runner's socket" in found.log
    assert "1 to add" in found.artifact("summary.md")
