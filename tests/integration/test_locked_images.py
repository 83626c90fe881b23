"""Base images and ready images pinned by the digests of a real registry."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sample_apps import echo
from snapshots import docker, free_port, until

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

# bootstrap brings it; CONTRIBUTING.md tells of other ways.
PROGRAM = shutil.which("docker-registry") or os.environ.get("KARST_TEST_REGISTRY", "")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM, reason="there is no docker-registry here"),
]

BASE = "python:3.11-slim"
# Images are of this run alone: whoever removes one by its id takes all its names away.
RUN = f"LABEL run={secrets.token_hex(6)}\n"


@dataclass
class Registry:
    """A registry on loopback, to which engines speak plain HTTP."""

    address: str

    def push(self, name: str, text: str) -> str:
        """Push an image made of `text` under `name`; returns its digest."""
        reference = f"{self.address}/{name}"
        subprocess.run(
            ["docker", "build", "-q", "-t", reference, "-"],
            input=text,
            text=True,
            check=True,
            capture_output=True,
        )
        told = docker("push", reference)
        return told.rpartition("digest: ")[2].split()[0]

    def forget(self, name: str) -> None:
        """Remove the engine's own tag, as on a machine that never pulled it."""
        docker("rmi", "-f", f"{self.address}/{name}")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(config))
    log = (folder / "log").open("wb")
    program = subprocess.Popen([PROGRAM, "serve", str(file)], stderr=log, stdout=log)
    found = Registry(f"127.0.0.1:{port}")

    def serves() -> bool:
        assert program.poll() is None, (folder / "log").read_text()
        return reachable(port)

    try:
        until(serves, 240, "the registry")
        yield found
    finally:
        program.terminate()
        program.wait(120)
        log.close()
        words = ("images", "-q", f"{found.address}/*/*")
        for image in set(docker(*words).split()):
            docker("rmi", "-f", image, check=False)


def reachable(port: int) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def base_image(mark: str) -> str:
    return f"FROM {BASE}\n{RUN}LABEL mark={mark}\n"


def ready_image(answer: str) -> str:
    # A heredoc is more than the oldest engine builds, hence the argument.
    text = echo(answer).replace("\\", "\\\\").replace("'", "'\\''")
    lines = text.replace("\n", "\\n")
    return (
        f"FROM {BASE}\n{RUN}"
        f"RUN printf '%b' '{lines}' > /main.py\n"
        'USER 10001:10001\nENV PORT=8000\nCMD ["python3", "/main.py"]\n'
    )


def lock_of(stack: LiveStack) -> dict[str, Any]:
    text = (stack.folder / "repos.lock").read_text()
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def marks(stack: LiveStack, service: str) -> str:
    labels = stack.container("app", service)["Config"]["Labels"]
    return str(labels.get("mark", ""))


def test_digests_hold_images_still(make_stack: MakeStack, registry: Registry) -> None:
    stack = make_stack()
    base, ready = "karsttest/python:3.11-slim", "karsttest/ready:1"
    first_base = registry.push(base, base_image("one"))
    first_ready = registry.push(ready, ready_image("ready one"))
    stack.environ["KARST_BASE_IMAGE"] = (
        f"{registry.address}/karsttest/python:{{version}}-slim"
    )
    app = stack.folder / "app"
    app.mkdir()
    (app / "main.py").write_text(echo("built"))
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "m")
    stack.write(
        [
            {"slug": "file:./app#main", "health": {"http": "/"}},
            {
                "image": f"{registry.address}/{ready}",
                "name": "ready",
                "health": {"http": "/"},
            },
        ]
    )
    registry.forget(base)
    registry.forget(ready)

    stack.ok("lock")
    pinned = lock_of(stack)
    assert pinned["app"]["base"] == {
        "image": f"{registry.address}/{base}",
        "python": "3.11",
        "digest": first_base,
    }
    assert pinned["ready"]["digest"] == first_ready
    stack.ok("deploy")
    assert marks(stack, "app") == "one"
    assert stack.json("plan")["changes"] is False

    # Both tags move on, here and at the registry.
    second_base = registry.push(base, base_image("two"))
    second_ready = registry.push(ready, ready_image("ready two"))
    assert (second_base, second_ready) != (first_base, first_ready)
    assert stack.json("plan")["changes"] is False

    # The pinned base is built from, not the one that has its name now.
    (app / "main.py").write_text(echo("built again"))
    git(app, "commit", "-q", "-a", "-m", "m")
    commit = git(app, "rev-parse", "HEAD")
    tree = git(app, "rev-parse", "HEAD^{tree}")
    text = (stack.folder / "repos.lock").read_text()
    text = text.replace(pinned["app"]["commit"], commit)
    (stack.folder / "repos.lock").write_text(text.replace(pinned["app"]["tree"], tree))
    stack.ok("deploy")
    assert marks(stack, "app") == "one"

    stack.ok("lock", "--upgrade")
    upgraded = lock_of(stack)
    assert upgraded["app"]["base"]["digest"] == second_base
    assert upgraded["ready"]["digest"] == second_ready
    plan = stack.json("plan")
    assert {s["service"]: s["action"] for s in plan["services"]} == {
        "app": "change",
        "ready": "change",
    }
    stack.ok("deploy")
    assert marks(stack, "app") == "two"
    assert stack.json("plan")["changes"] is False


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
