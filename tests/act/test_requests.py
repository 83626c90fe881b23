"""A request under review: its plan in one comment, in the summary, in files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from calling import ADA, Calling, app

from karst.report.sealed import open_sealed

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_request_is_planned_and_its_one_comment_kept_up_to_date(
    calling: Calling,
) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    number = calling.desk.open(
        "add-api",
        {"api/main.py": app(), "repos.yaml": calling.repos("file:./web", "file:./api")},
        author=ADA,
    )
    first = calling.pull_request(number, action="opened").ok()
    (comment,) = calling.comments(number)
    assert "2 to add" in comment
    assert open_sealed(comment).signed.startswith("hmac-sha256 ")
    assert first.outputs["karst.changes"] == "true"
    assert first.outputs["karst.comment-url"].startswith("http")
    assert len(first.outputs["karst.receipt"]) == 64
    assert "2 to add" in first.summary
    assert calling.containers() == []

    calling.desk.push("add-api", {"repos.yaml": calling.repos("file:./api")})
    second = calling.pull_request(number).ok()
    assert second.outputs["karst.comment-url"] == first.outputs["karst.comment-url"]
    (comment,) = calling.comments(number)
    assert "1 to add" in comment


def test_a_runner_builds_the_action_from_its_dockerfile(
    calling: Calling, action_source: Path
) -> None:
    """As for `uses:` of a branch; by the engine's old builder, and without arguments."""
    built = replace(calling, action=action_source)
    calling.desk.git.commit({".github/workflows/karst.yml": calling.workflow()})
    found = built.other("workflow_dispatch")
    assert "docker build -t" in found.failed()
    ((_, _, text),) = [n for n in found.notices if n[0] == "error"]
    assert "there is no such file" in text
