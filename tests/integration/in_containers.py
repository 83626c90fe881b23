"""Python run inside a stack's containers, as whoever has broken into the app would."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from conftest import LiveStack

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


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Any:
    """Wait for a started script; what it printed, read as JSON."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return json.loads(out)


def inside(stack: LiveStack, service: str, script: str, *words: str) -> Any:
    """Run `script` in the service's app container; what it printed, read as JSON."""
    return finish(start(stack, service, script, *words))


def own_subnet(stack: LiveStack, number: int) -> None:
    """Give the stack a range that the engine never picks for a network by itself.

    It is this process's own too: two runs on one engine don't meet.
    """
    stack.subnet = f"10.{100 + os.getpid() % 100}.{number}.0/24"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
