"""Python run inside a stack's containers, as whoever has broken into the app would."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from conftest import LiveStack

from tests.networks import free_port as free_port
from tests.networks import free_subnet

APPS = Path(__file__).parent / "mesh_apps"


def source(name: str) -> str:
    """The text of one of the apps in `mesh_apps/`."""
    return (APPS / f"{name}.py").read_text()


def start(
    stack: LiveStack, service: str, script: str, *words: str
) -> subprocess.Popen[str]:
    """Start `script` with the app's Python in its container, as the app's user."""
    container = stack.container("app", service)["Id"]
    return subprocess.Popen(
        ["docker", "exec", "-i", container, "python3", "-c", script, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = 300) -> Any:
    """Wait for a started script; what it printed, read as JSON."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return json.loads(out)


def inside(stack: LiveStack, service: str, script: str, *words: str) -> Any:
    """Run `script` in the service's app container; what it printed, read as JSON."""
    return finish(start(stack, service, script, *words))


def own_subnet(stack: LiveStack, _number: int) -> None:
    """Give the stack a range of its own."""
    stack.subnet = free_subnet()
