"""Unit tests reach nothing outside themselves unless they say so by a marker."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import Any, NoReturn

import pytest

OPT_IN = ("integration", "processes")
CLOSED_DOORS = (
    (subprocess.Popen, "__init__"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket.socket, "bind"),
    (socket.socket, "sendto"),
)


# A shell starts what goes to the background without interrupts, and children keep to
# that: tests of interrupts would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs the engine, and keep it to one worker, one at a time.

    These tests mostly wait, so another worker does the others meanwhile. act and
    gitlab-ci-local bring jobs, stacks and names of their own, and go with the others.
    """
    engine = [item for item in items if _needs_the_engine(item)]
    for item in engine:
        item.add_marker(pytest.mark.xdist_group("engine"))
    items[:] = [*engine, *(item for item in items if not _needs_the_engine(item))]


def _needs_the_engine(item: pytest.Item) -> bool:
    folders = item.path.parts
    alone = "act" in folders or "gitlab_ci" in folders
    return not alone and item.get_closest_marker("integration") is not None


@pytest.fixture(autouse=True)
def _closed_doors(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make starting a program or opening a socket fail in an unmarked test."""
    if any(request.node.get_closest_marker(name) for name in OPT_IN):
        return
    for owner, name in CLOSED_DOORS:
        monkeypatch.setattr(owner, name, _refusal(f"{owner.__name__}.{name}"))


def _refusal(door: str) -> Any:
    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail(
            f"{door} in a test without @pytest.mark.processes or integration",
            pytrace=True,
        )

    return refuse
