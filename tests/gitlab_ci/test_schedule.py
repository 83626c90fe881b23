"""On a schedule: everything deployed beside what runs, proved and removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from gitlab_project import GitLabProject

from tests.integration.tls_engine import tls_engine
from tests.pipelined import app

pytestmark = [pytest.mark.integration, pytest.mark.slow]
# Where docker:dind listens beside a job; loopback has more addresses than one.
DOCKER = ("127.0.0.7", 2376)


def test_a_schedule_deploys_proves_and_removes(
    project: GitLabProject, tmp_path: Path
) -> None:
    """On an engine as docker:dind is one: by TLS, found by the certificates it left."""
    services = ("file:./web", {"slug": "file:./api", "calls": []})
    files = project.files(*services) | {"web/main.py": app(), "api/main.py": app()}
    project.desk.git.commit(files)
    project.socket = False
    with tls_engine(tmp_path / "tls", DOCKER, "docker") as engine:
        project.runner = (
            *("--extra-host", f"docker:{DOCKER[0]}"),
            *("--volume", f"{engine.folder}:/certs/client:ro"),
        )
        found = project.schedule().ok()
    assert "KARST_HEALTHY=true" in found.artifact("outputs.env")
    assert 'failures="0"' in found.artifact("junit.xml")
    assert project.left() == []
