"""The keeper as a container beside real pairs: who is started again, and who is not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def keeper(pairs_field: Any, docker: Any, sidecar_image: str) -> Iterator[str]:
    name = f"{pairs_field.prefix}-keeper"
    docker(
        *("run", "-d", "--name", name, "--network", "none", "--read-only"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("-v", "/var/run/docker.sock:/var/run/docker.sock", sidecar_image, "keeper"),
    )
    return name


@pytest.fixture
def api(pairs_field: Any) -> Any:
    pair = pairs_field.pair("api")
    pair.deliver(pairs_field.files(pair), 1)
    pair.create_app("python3", "/app.py")
    pair.start_app()
    pair.becomes("SERVING")
    return pair


def namespace(docker: Any, name: str) -> int:
    """The inode of the network namespace that a container is in; 0: not running."""
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", name))
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0  # It is ending: the kernel says any of the three.


def kill(docker: Any, name: str) -> None:
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", name))
    assert pid, f"{name} does not run"
    os.kill(pid, 9)


def started_at(docker: Any, name: str) -> str:
    return str(docker("inspect", "-f", "{{.State.StartedAt}}", name))


def share(docker: Any, pair: Any) -> bool:
    """Whether app and sidecar run in one and the same namespace."""
    ours = namespace(docker, pair.sidecar)
    return ours > 0 and namespace(docker, pair.app) == ours


def test_a_restarted_sidecar_gets_its_app_back(
    keeper: str, api: Any, docker: Any, eventually: Any
) -> None:
    docker("restart", "-t", "5", api.sidecar)
    eventually(lambda: share(docker, api))
    # The keeper of another stack on this engine may have restarted it once more.
    eventually(lambda: api.get("/") == "api secret=s3cret")


def test_a_killed_sidecar_comes_back_with_its_app(
    keeper: str, api: Any, docker: Any, eventually: Any
) -> None:
    before = namespace(docker, api.sidecar)
    kill(docker, api.sidecar)
    eventually(lambda: namespace(docker, api.sidecar) not in (0, before))
    eventually(lambda: share(docker, api))
    api.becomes("SERVING")


def test_a_killed_app_comes_back(
    keeper: str, api: Any, docker: Any, eventually: Any
) -> None:
    before = started_at(docker, api.app)
    kill(docker, api.app)
    # It is down for a second: too short to be seen for certain.
    eventually(lambda: started_at(docker, api.app) != before)
    eventually(lambda: api.app_state()[0] == "running")
    api.becomes("SERVING")


def test_what_a_user_stopped_stays_stopped(
    keeper: str, api: Any, docker: Any, eventually: Any
) -> None:
    docker("stop", "-t", "60", api.app)
    time.sleep(7)
    assert api.app_state()[0] == "exited"
    # A keeper that starts later learns it from the engine's events.
    docker("restart", "-t", "60", keeper)
    time.sleep(7)
    assert api.app_state()[0] == "exited"
    docker("stop", "-t", "60", api.sidecar)
    time.sleep(3)
    assert namespace(docker, api.sidecar) == 0
    docker("start", api.sidecar)
    eventually(lambda: share(docker, api))
    api.becomes("SERVING")


def test_a_finished_job_is_not_started_again(
    keeper: str, pairs_field: Any, docker: Any, eventually: Any
) -> None:
    job = pairs_field.pair("job", kind="job")
    job.deliver(pairs_field.files(job), 1)
    job.create_app("true")
    job.start_app()
    eventually(lambda: job.app_state() == ("exited", 0))
    started = started_at(docker, job.app)
    docker("restart", "-t", "5", job.sidecar)
    sealed = "karst-agent: sealed\n"
    eventually(lambda: docker("logs", job.sidecar).count(sealed) == 2)
    time.sleep(4)
    assert started_at(docker, job.app) == started
