"""On a schedule: everything deployed beside what runs, proved and removed."""

from __future__ import annotations

import pytest
from gitlab_project import GitLabProject

from tests.pipelined import app

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_a_schedule_deploys_proves_and_removes(project: GitLabProject) -> None:
    services = ("file:./web", {"slug": "file:./api", "calls": []})
    files = project.files(*services) | {"web/main.py": app(), "api/main.py": app()}
    project.desk.git.commit(files)
    found = project.schedule().ok()
    assert "KARST_HEALTHY=true" in found.artifact("outputs.env")
    assert 'failures="0"' in found.artifact("junit.xml")
    assert project.left() == []
