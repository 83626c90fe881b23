"""`state: {backend: target}`: jobs whose machine is gone after each of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from sample_apps import WORKER, echo
from snapshots import apart, docker, kill_family, running, snapshot, until_line

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def _next_machine(stack: LiveStack, tmp_path: Path, name: str) -> LiveStack:
    """The same repository on a machine that has nothing of the last one's."""
    folder = tmp_path / name
    ignored = shutil.ignore_patterns(".karst", "secrets")
    shutil.copytree(stack.folder, folder, ignore=ignored)
    shutil.copytree(stack.folder / "secrets", folder / "secrets")
    return replace(stack, folder=folder)


def _write(stack: LiveStack) -> None:
    document = {
        "name": stack.name,
        "services": [{"name": "api", "slug": "file:./api"}],
        "mesh": {"network": stack.network, "subnet": stack.subnet},
        "state": {"backend": "target"},
    }
    (stack.folder / "repos.yaml").write_text(yaml.safe_dump(document))


def test_a_stack_goes_from_job_to_job(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = apart(make_stack())
    stack.app("api", echo("first"))
    _write(stack)
    stack.ok("deploy")
    before = snapshot(stack)

    second = _next_machine(stack, tmp_path, "second")
    assert second.run("plan", "--detailed-exitcode").returncode == 0

    # A job that is lost with its machine in the middle of an apply.
    lost = _next_machine(stack, tmp_path, "lost")
    # It never answers, so that its job is in the middle for as long as it may take.
    lost.app("api", WORKER)
    log = tmp_path / "log"
    with running(lost, "deploy", log=log) as process:
        until_line(process, log, "waiting for")
        kill_family(process)

    third = _next_machine(stack, tmp_path, "third")
    third.ok("deploy")
    assert {n: s for n, s in snapshot(third).items() if n in before} == before
    assert _lasting(third) == set(before)
    assert third.run("plan", "--detailed-exitcode").returncode == 0

    third.ok("destroy", "--yes")
    assert stack.containers() == []
    left = docker("volume", "ls", "-q", "--filter", f"label=karst.stack={stack.name}")
    assert left == ""


def test_one_job_at_a_time(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = apart(make_stack())
    stack.app("api", echo("first"))
    _write(stack)
    stack.ok("deploy")
    other = _next_machine(stack, tmp_path, "other")
    stack.app("api", echo("second"))
    logs = tmp_path / "one", tmp_path / "two"
    with (
        running(stack, "deploy", log=logs[0]) as one,
        running(other, "deploy", log=logs[1]) as two,
    ):
        codes = [one.wait(timeout=400), two.wait(timeout=400)]
    said = [log.read_text() for log in logs]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        assert code in (0, 20), text
        assert (code == 20) == ("another run works on this stack" in text), text
    stack.ok("deploy")
    assert len(stack.containers()) == 2


def _lasting(stack: LiveStack) -> set[str]:
    """Names of the containers, without the probe that a killed run left to end."""
    labels = {c["Name"].lstrip("/"): c["Config"]["Labels"] for c in stack.containers()}
    return {n for n, found in labels.items() if found["karst.role"] != "probe"}
