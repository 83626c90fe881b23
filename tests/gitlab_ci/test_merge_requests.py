"""A merge request: its plan in one note, in the widget, in the log, in files."""

from __future__ import annotations

import json
import re

import pytest
from gitlab_project import ADA, GitLabProject

from karst.report.sealed import open_sealed
from tests.pipelined import app

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_request_is_planned_and_its_one_note_kept_up_to_date(
    project: GitLabProject,
) -> None:
    project.desk.git.commit(project.files("file:./web") | {"web/main.py": app()})
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
    project.merge_request(number).ok()
    (note,) = project.notes(number)
    assert "1 to add" in note
