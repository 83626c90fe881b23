"""`karst e2e` on a real engine, beside the stack that it tries: nothing of it stays."""

from __future__ import annotations

import json
import signal
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from sample_apps import CRASH, JOB, STORE, STORE_DOCKERFILE, echo
from snapshots import free_port, running, snapshot, until_line

from karst.cli.wiring import open_workbench
from karst.pipeline import e2e, e2e_stack
from karst.pipeline.planning import plan
from karst.secret import Secret

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOKEN = {"TOKEN": Secret("s3cret-canary")}


def shop(stack: LiveStack, **api: Any) -> None:
    stack.write(
        [
            {
                "slug": stack.app("web", echo("web")),
                "calls": ["api"],
                "publish": stack.environ["PORT_OF_WEB"],
                "secrets": ["TOKEN"],
                "smoke": ["/", {"path": "/call/api:8000", "contains": "the api"}],
            },
            {
                "slug": stack.app("api", echo("the api")),
                "calls": ["store"],
                "needs": ["migrate"],
                **api,
            },
            {
                "slug": stack.app(
                    "store", STORE, "store.py", Dockerfile=STORE_DOCKERFILE
                ),
                "port": 5432,
                "protocol": "tcp",
                "build": "dockerfile",
                "user": "10001:10001",
                "volumes": {"data": "/data"},
            },
            {"slug": stack.app("migrate", JOB), "kind": "job", "calls": ["store"]},
        ],
        default="deny",
    )


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> LiveStack:
    """A stack that is deployed and goes on running: production."""
    made = make_stack()
    made.environ |= {"TOKEN": "s3cret-canary", "PORT_OF_WEB": str(free_port())}
    shop(made)
    made.ok("deploy")
    return made


def left_of(stack: LiveStack) -> list[str]:
    """Everything on the engine that belongs to a throw-away stack of this one."""
    wanted = f"{stack.name}-e2e-"
    form = "--format={{.Names}}"
    found = docker("ps", "-a", form).split()
    found += docker("volume", "ls", "--format={{.Name}}").split()
    found += docker("network", "ls", "--format={{.Name}}").split()
    return sorted(name for name in found if wanted in name)


def test_it_proves_everything_and_leaves_nothing(
    stack: LiveStack, tmp_path: Path
) -> None:
    before = snapshot(stack)
    files = {f for f in stack.folder.rglob("*") if "__pycache__" not in f.parts}
    report = tmp_path / "build" / "e2e.xml"
    found = stack.json("e2e", "--junit", str(report))
    assert found["well"] is True
    assert found["stack"] == stack.name
    assert found["throw_away"].startswith(f"{stack.name}-e2e-")
    states = {s["service"]: s["state"] for s in found["services"]}
    assert states == {
        "web": "healthy",
        "api": "healthy",
        "store": "healthy",
        "migrate": "completed",
    }
    edges = {(e["caller"], e["callee"]): e["expected"] for e in found["edges"]}
    assert edges["web", "api"] == "allowed"
    assert edges["web", "store"] == "denied"
    assert [e for e in found["edges"] if not e["well"]] == []
    smoke = [(s["service"], s["asked"], s["detail"]) for s in found["smoke"]]
    assert smoke == [("web", "GET /", "200"), ("web", "GET /call/api:8000", "200")]
    assert found["removed"] == 8
    assert left_of(stack) == []
    # Who runs beside it was not touched, nor were the files beside repos.yaml.
    assert snapshot(stack) == before
    assert {f for f in stack.folder.rglob("*") if "__pycache__" not in f.parts} == files
    suite = ET.parse(report).getroot()  # noqa: S314  (we wrote it)
    assert [c.get("name") for c in suite.iter("testcase") if c.find("failure")] == []
    # A test has one name, whatever a run is called.
    assert found["throw_away"] not in report.read_text()
    assert "s3cret-canary" not in report.read_text()


def test_what_fails_is_named_and_taken_down_all_the_same(stack: LiveStack) -> None:
    before = snapshot(stack)
    stack.app("api", CRASH)
    try:
        shop_with_grace(stack)
        outcome = stack.run("e2e")
    finally:
        shop(stack)
    assert outcome.returncode == 24, outcome.stdout + outcome.stderr
    assert "not healthy: api" in outcome.stderr
    assert "cannot open ledger.db" in outcome.stdout
    assert left_of(stack) == []
    assert snapshot(stack) == before


def shop_with_grace(stack: LiveStack) -> None:
    shop(stack, health={"tcp": True, "grace": "20s"})
    stack.app("api", CRASH)


def test_a_wrong_answer_of_a_smoke_request_is_told(stack: LiveStack) -> None:
    shop(stack, smoke=[{"path": "/", "contains": "another api"}, {"path": "/tally"}])
    try:
        outcome = stack.run("e2e")
    finally:
        shop(stack)
    assert outcome.returncode == 24, outcome.stderr
    assert "1 smoke requests failed" in outcome.stderr
    assert "without 'another api'" in outcome.stdout
    assert left_of(stack) == []


def test_an_error_before_anything_runs_is_its_own_and_leaves_nothing(
    stack: LiveStack,
) -> None:
    (stack.folder / "api" / "requirements.txt").write_text("no-such-thing-4711==1\n")
    try:
        outcome = stack.run("e2e")
    finally:
        (stack.folder / "api" / "requirements.txt").unlink()
    assert outcome.returncode == 14, outcome.stderr
    assert left_of(stack) == []


def test_a_missing_secret_is_asked_for_before_anything_is_made(
    stack: LiveStack,
) -> None:
    outcome = stack.run("e2e", TOKEN="")
    assert outcome.returncode == 22
    assert "TOKEN (service web)" in outcome.stderr


@pytest.mark.parametrize(
    ("line", "signals"),
    [
        ("terraform apply", [signal.SIGINT]),
        # As GitHub cancels a job: the second comes while the stack is being removed.
        ("waiting for", [signal.SIGINT, signal.SIGTERM]),
        ("asking who may call whom", [signal.SIGTERM]),
    ],
)
def test_a_cancelled_run_leaves_nothing(
    stack: LiveStack, tmp_path: Path, line: str, signals: list[signal.Signals]
) -> None:
    before = snapshot(stack)
    log = tmp_path / "log"
    with running(stack, "e2e", log=log) as process:
        until_line(process, log, line)
        process.send_signal(signals[0])
        for later in signals[1:]:
            until_line(process, log, "removing ")
            process.send_signal(later)
        assert process.wait(timeout=400) == 130, log.read_text()
    assert left_of(stack) == []
    assert snapshot(stack) == before


def test_a_run_that_takes_too_long_ends_itself(stack: LiveStack) -> None:
    outcome = stack.run("e2e", "--timeout", "5s")
    assert outcome.returncode == 24, outcome.stderr
    assert "the run took longer than 5s" in outcome.stderr
    assert left_of(stack) == []


def test_what_a_killed_run_left_is_marked_and_removed_by_a_later_one(
    stack: LiveStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    with running(stack, "e2e", log=log) as process:
        until_line(process, log, "waiting for")
        process.kill()
        process.wait()
    left = left_of(stack)
    assert any(name.endswith("-sidecar") for name in left)
    (mark,) = [name for name in left if name.endswith("-mark")]
    labels = json.loads(docker("volume", "inspect", mark))[0]["Labels"]
    assert labels["karst.e2e"] == stack.name
    ends = int(labels["karst.e2e.ends"])
    assert 0 < ends - time.time() < 31 * 60
    # While it might be alive, nobody touches it.
    engine = open_workbench(stack.folder / "repos.yaml").tools.engine
    # Others' runs on this engine must not look dead to this test.
    seen = e2e_stack.list_volumes
    monkeypatch.setattr(
        e2e_stack,
        "list_volumes",
        lambda *words: [v for v in seen(*words) if stack.name in v.name],
    )
    assert e2e_stack.remove_dead(engine, now=ends + 590) == ()
    assert left_of(stack) == left
    assert e2e_stack.remove_dead(engine, now=ends + 601) == (labels["karst.stack"],)
    assert left_of(stack) == []


def test_a_network_that_another_takes_in_the_same_moment_is_chosen_anew(
    stack: LiveStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's network appears between the choice and Terraform's attempt."""
    bench = open_workbench(stack.folder / "repos.yaml")
    bench = replace(bench, tools=replace(bench.tools, secret_values=TOKEN))
    choose, seen, others = e2e_stack.choose_subnet, [], []

    def chosen(*words: Any) -> Any:
        seen.append(choose(*words))
        return seen[-1]

    def planned(*words: Any, **named: Any) -> Any:
        made = plan(*words, **named)
        if len(seen) == 1:
            name = f"{stack.name}-rival"
            docker("network", "create", f"--subnet={seen[0]}", name)
            others.append(name)
        return made

    monkeypatch.setattr(e2e_stack, "choose_subnet", chosen)
    monkeypatch.setattr(e2e, "plan", planned)
    try:
        outcome = e2e.e2e(bench.tools, bench.spec, bench.settings, seconds=600)
    finally:
        for name in others:
            docker("network", "rm", name)
    assert outcome.well, outcome.error
    # Besides the rival there may be others, who try this engine meanwhile.
    assert len(seen) >= 2
    assert len(set(seen)) == len(seen)
    assert left_of(stack) == []
