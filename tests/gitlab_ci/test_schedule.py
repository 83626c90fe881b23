"""On a schedule: everything deployed beside what runs, proved and removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gitlab_project import GitLabProject
from machine.__main__ import this_machine
from machine.base_image import present_base
from machine.sidecar_image import CA_VARIABLES
from nested_engine import NAME, nested_engine

from karst.build.sidecar import sidecar_tag
from tests.pipelined import app

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def company_cas() -> dict[str, str]:
    """The CAs of a network whose proxy signs TLS anew, where this is one."""
    for name in CA_VARIABLES:
        bundle = os.environ.get(name)
        if bundle and Path(bundle).is_file():
            return {"ca.pem": Path(bundle).read_text()}
    return {}


def test_a_schedule_deploys_proves_and_removes(
    project: GitLabProject, tmp_path: Path
) -> None:
    """On docker:dind, found by the certificates that it shares with the job."""
    # A new engine has nothing built: what builds fetch comes through this network.
    trusting = company_cas()
    build = {"build": {"ca_bundle": "ca.pem"}} if trusting else {}
    services = (
        {"slug": "file:./web", **build},
        {"slug": "file:./api", "calls": [], **build},
    )
    files = project.files(*services) | {"web/main.py": app(), "api/main.py": app()}
    project.desk.git.commit(files | trusting)
    base = present_base(this_machine())
    assert base
    project.socket = False
    with nested_engine(tmp_path / "certs", base, f"karsttest-{project.name}") as dind:
        dind.load(base, sidecar_tag())
        project.runner = (
            *("--extra-host", f"{NAME}:{dind.address}"),
            *("--volume", f"{dind.client}:/certs/client:ro"),
        )
        found = project.schedule().ok()
        # It was there that the services were built.
        assert "-api" in dind.inside("images", "--format={{.Repository}}")
        label = f"--filter=label=karst.stack={project.name}"
        assert dind.inside("ps", "-a", "-q", label) == ""
    assert "KARST_HEALTHY=true" in found.artifact("outputs.env")
    assert 'failures="0"' in found.artifact("junit.xml")
    assert project.left() == []
