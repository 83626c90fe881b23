"""Images that run as they are, whose own check is the engine's to run."""

from __future__ import annotations

import pytest
from conftest import LiveStack, MakeStack
from in_containers import own_subnet
from snapshots import docker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

APP = """
FROM python:3.11-slim
{check}
USER 10001:10001
CMD ["python3", "-m", "http.server", "8000", "--directory", "/usr/share"]
"""


def image(stack: LiveStack, name: str, check: str = "") -> str:
    tag = f"karsttest/{stack.name}-{name}:1"
    folder = stack.folder / f"image-{name}"
    folder.mkdir()
    (folder / "Dockerfile").write_text(APP.format(check=check))
    docker("build", "-q", "-t", tag, str(folder), DOCKER_BUILDKIT="0")
    return tag


def test_a_check_that_is_due_later_is_waited_for(make_stack: MakeStack) -> None:
    """The engine first asks after an interval; until then it says 'starting'."""
    stack = make_stack()
    own_subnet(stack, 211)
    late = 'HEALTHCHECK --interval=1h CMD ["true"]'
    never = 'HEALTHCHECK --interval=1h CMD ["false"]'
    commanded = {"command": ["true"], "interval": "3s"}
    names = [image(stack, "late", late), image(stack, "never", never)]
    stack.write(
        [
            {"image": image(stack, "own"), "name": "own", "health": commanded},
            # What the image itself asks is not due before the service may be ready.
            {
                "image": names[0],
                "name": "late",
                "health": {"tcp": True, "grace": "20s"},
            },
            {
                "image": names[1],
                "name": "never",
                "protocol": "none",
                "health": {"process": True, "grace": "20s"},
            },
        ]
    )
    try:
        stack.ok("deploy")
        found = {s["service"]: s for s in stack.json("health")["services"]}
        assert {name: s["state"] for name, s in found.items()} == {
            "own": "healthy",
            "late": "healthy",
            "never": "healthy",
        }
        assert found["never"]["reason"] == "its container runs"
    finally:
        stack.run("destroy", "--yes", "--volumes")
        docker("rmi", "-f", *names, f"karsttest/{stack.name}-own:1", check=False)


def test_a_check_of_repos_yaml_that_fails_is_no_health(make_stack: MakeStack) -> None:
    stack = make_stack()
    own_subnet(stack, 212)
    commanded = {"command": ["false"], "interval": "1s", "grace": "20s"}
    tag = image(stack, "own")
    stack.write([{"image": tag, "name": "own", "health": commanded}])
    try:
        outcome = stack.run("deploy")
        assert outcome.returncode == 24, outcome.stderr
        assert "health check says" in outcome.stdout
    finally:
        stack.run("destroy", "--yes", "--volumes")
        docker("rmi", "-f", tag, check=False)
