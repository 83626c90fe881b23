"""The default branch: what was reviewed is applied, and destroyed by hand."""

from __future__ import annotations

import pytest
from gitlab_project import ADA, GitLabProject

from tests.pipelined import KEY, app

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_what_was_reviewed_is_applied_and_nothing_else(project: GitLabProject) -> None:
    desk = project.desk
    desk.git.commit(project.pipeline())
    files = {"web/main.py": app(), "repos.yaml": project.repos("file:./web")}
    number = desk.open("web", files, author=ADA)
    project.merge_request(number).ok()
    desk.merge(number, "squash")
    applied = project.push().ok()
    assert "KARST_HEALTHY=true" in applied.artifact("outputs.env")
    assert 'failures="0"' in applied.artifact("junit.xml")
    assert "stranger -&gt; web (plaintext)" in applied.artifact("junit.xml")
    before = project.containers()
    assert before

    desk.git.commit({"web/main.py": app("second")})
    refused = project.push()
    assert "nobody reviewed what would change: web" in refused.failed()
    assert project.containers() == before

    # Without a token that may ask for merge requests nobody can say what was reviewed.
    del project.variables["GITLAB_TOKEN"]
    lacking = project.push()
    assert "scope api" in lacking.failed()
    assert project.containers() == before
    assert KEY not in applied.log + refused.log + lacking.log

    project.push("main", "karst:destroy").ok()
    assert project.containers() == []
