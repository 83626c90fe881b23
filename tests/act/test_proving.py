"""On a schedule: everything deployed beside what runs and removed; drift; destroy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from act_runner import ActRun
from calling import Calling, app, docker

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_schedule_deploys_proves_and_removes(calling: Calling) -> None:
    services = ("file:./web", {"slug": "file:./api", "calls": []})
    files = calling.files(*services) | {"web/main.py": app(), "api/main.py": app()}
    calling.desk.git.commit(files)
    scheduled = replace(calling, bind=True)
    found = scheduled.other("schedule", schedule="0 4 * * *").ok()
    assert found.outputs["karst.healthy"] == "true"
    assert "refused" in found.summary
    assert calling.left() == []
    (junit,) = (scheduled.workspace / ".karst" / "artifacts").rglob("junit.xml")
    assert 'failures="0"' in junit.read_text()


def test_an_unhealthy_service_makes_the_schedule_red_and_leaves_nothing(
    calling: Calling,
) -> None:
    broken = app().replace(
        "http.server.HTTPServer((", "1 / 0\nhttp.server.HTTPServer(("
    )
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": broken})
    found = calling.other("schedule", schedule="0 4 * * *")
    assert found.failed()
    assert found.outputs["karst.healthy"] == "false"
    assert "ZeroDivisionError" in found.summary
    assert calling.left() == []


def test_drift_keeps_one_issue_and_closes_it(calling: Calling) -> None:
    calling.inputs["on-unreviewed"] = "apply"
    calling.inputs["command"] = "${{ github.event.inputs.command || 'auto' }}"
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    calling.push().ok()
    assert asked(calling, "drift").outputs["karst.changes"] == "false"
    assert calling.desk.shelf.issues == {}

    (container,) = (c for c in calling.containers() if "sidecar" not in c)
    docker("rm", "-f", container)
    assert asked(calling, "drift").outputs["karst.changes"] == "true"
    (issue,) = calling.desk.shelf.issues.values()
    assert issue.state == "open"
    assert "web" in issue.body

    calling.push().ok()
    asked(calling, "drift")
    assert [i.state for i in calling.desk.shelf.issues.values()] == ["closed"]
    asked(calling, "destroy")
    assert calling.containers() == []


def asked(calling: Calling, command: str) -> ActRun:
    """Somebody starts the workflow by hand, and asks for `command`."""
    return calling.other("workflow_dispatch", inputs={"command": command}).ok()
