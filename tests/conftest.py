"""Unit tests reach nothing outside themselves unless they say so by a marker."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import Any, NoReturn
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

OPT_IN = ("integration", "processes")
ON_AN_ENGINE = ("tests/integration/", "tests/runner/test_keeper_on_engine.py")
CLOSED_DOORS = (
    (subprocess.Popen, "__init__"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket.socket, "bind"),
    (socket.socket, "sendto"),
)

# How long an example takes says how busy the machine is. What lets a change in tries the
# same examples each time; `--hypothesis-profile=search` tries new ones.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("search", **UNHURRIED)
settings.register_profile("gate", derandomize=True, **UNHURRIED)
settings.load_profile("gate")
# Hypothesis also tries constants of whatever local modules are imported by then: the
# examples would depend on which files this worker had before.
mock.patch.object(providers, "is_local_module_file", return_value=False).start()

# A shell starts what goes to the background without interrupts, and children keep to
# that: tests of interrupts would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the long tests on an engine to one worker; hand out the others by file.

    The long ones mostly wait, so another worker does the rest meanwhile; but not what
    has a keeper of its own, for that keeps every stack on the engine, and forgets what
    it was told of them when a test starts it anew.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "engine" if file.startswith(ON_AN_ENGINE) else file

    return Scheduling(config, log)


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
