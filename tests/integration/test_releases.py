"""Releases that switch, fail and are cut short while somebody keeps calling."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_apps import CRASH, EXIT_AT_ONCE, FAILING_JOB, WORKER, echo
from snapshots import (
    apart,
    docker,
    eventually_get,
    free_port,
    get,
    kill_family,
    running,
    snapshot,
    tally,
    until,
    until_line,
)

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# So many show that web's calls went on.
CALLS = 100


@dataclass
class Rolling:
    """`api`, and `web` that calls it for good from four threads and keeps count."""

    stack: LiveStack
    port: int

    def write(self, *more: dict[str, Any], **api: Any) -> None:
        health = {"http": "/", "grace": "20s"}
        services = [
            {"name": "api", "slug": "file:./api", "health": health, **api},
            {
                "name": "web",
                "slug": "file:./web",
                "env": {"CALL": "api"},
                "publish": f"127.0.0.1:{self.port}",
                "health": health,
            },
            *more,
        ]
        self.stack.write(services)

    def calls_during(self, action: Any) -> tuple[Any, dict[str, int]]:
        """What `action` returns, and what web's calls were answered meanwhile."""
        before = tally(self.port)
        result = action()
        enough = _total(self.port) + CALLS
        until(lambda: _total(self.port) > enough, 240, "web calls on")
        after = tally(self.port)
        counts = {k: n - before.get(k, 0) for k, n in after.items()}
        return result, {k: n for k, n in counts.items() if n}


def _total(port: int) -> int:
    return sum(tally(port).values())


@pytest.fixture(scope="module")
def rolling(make_stack: MakeStack) -> Rolling:
    stack = apart(make_stack())
    stack.app("api", echo("first"))
    stack.app("web", echo("web"))
    made = Rolling(stack, free_port())
    made.write()
    stack.ok("deploy")
    # A door may come up after all services are healthy.
    until(lambda: eventually_get(made.port)[0] == 200, 240, "the door answers")
    until(lambda: tally(made.port).get("200 first", 0) > 20, 240, "web calls api")
    return made


@pytest.fixture(autouse=True)
def _settled(rolling: Rolling) -> None:
    """Each test begins with the services as they should be."""
    rolling.write()


def test_a_release_switches_without_a_lost_request(
    rolling: Rolling, record_property: Any
) -> None:
    rolling.stack.app("api", echo("second"))
    _, calls = rolling.calls_during(lambda: rolling.stack.ok("deploy"))
    record_property("calls", calls)
    print(calls)
    assert set(calls) == {"200 first", "200 second"}, calls
    assert min(calls.values()) > 20, calls


def _fails(rolling: Rolling) -> tuple[subprocess.CompletedProcess[str], str]:
    """Deploy what can't become healthy; returns the outcome and the error's text."""
    before = snapshot(rolling.stack)
    serving = f"200 {get(rolling.port, '/call/api:8000')[1]}"
    outcome, calls = rolling.calls_during(lambda: rolling.stack.run("deploy"))
    assert outcome.returncode == 24, outcome.stdout + outcome.stderr
    assert set(calls) == {serving}, calls
    assert calls[serving] > CALLS
    assert snapshot(rolling.stack) == before, "the old release runs on, untouched"
    assert (
        f"karst: stack {rolling.stack.name}: not healthy: api\n"
        "  -> the former release of api runs on; read the lines above, mend the "
        "service, and run the same command again\n"
    ) in outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome, outcome.stdout.partition("api: ")[2]


def test_a_release_that_crashes_gets_no_traffic(rolling: Rolling) -> None:
    rolling.stack.app("api", CRASH)
    _, told = _fails(rolling)
    assert "the app ended: exit status 1" in told
    assert "| the ledger is not where it was\n" in told
    assert "| cannot open ledger.db\n" in told


def test_a_release_that_answers_500_gets_no_traffic(rolling: Rolling) -> None:
    rolling.stack.app("api", echo("broken", status=500))
    # As long as a busy machine may take to start the app.
    rolling.write(health={"http": "/", "grace": "15s"})
    _, told = _fails(rolling)
    assert "GET 127.0.0.1:8000/: 500" in told


def test_a_release_that_ends_at_once_is_not_healthy(rolling: Rolling) -> None:
    rolling.stack.app("api", EXIT_AT_ONCE)
    _, told = _fails(rolling)
    assert "the app ended: exit status 0" in told
    assert "| nothing to do\n" in told


def test_a_job_that_fails_holds_back_what_needs_it(rolling: Rolling) -> None:
    stack = rolling.stack
    stack.app("api", echo("second"))
    stack.ok("deploy")
    before = snapshot(stack)
    migrate = {"name": "migrate", "slug": stack.app("migrate", FAILING_JOB)}
    late = {"name": "late", "slug": stack.app("late", echo("late"))}
    rolling.write({**migrate, "kind": "job"}, {**late, "needs": ["migrate"]})
    outcome = stack.run("deploy")
    assert outcome.returncode == 24
    assert "not healthy: late, migrate" in outcome.stderr
    assert "migrate: the job failed: exit status 3\n" in outcome.stdout
    assert "| table orders is missing\n" in outcome.stdout
    assert "late: not started: it needs migrate, which failed\n" in outcome.stdout
    app = stack.container("app", "late")
    assert app["State"]["StartedAt"].startswith("0001-"), "it never ran"
    after = snapshot(stack)
    assert {n: after[n] for n in before} == before
    rolling.write()
    stack.ok("deploy")
    assert snapshot(stack) == before


def test_after_a_failure_the_mended_release_deploys(rolling: Rolling) -> None:
    serving = f"200 {get(rolling.port, '/call/api:8000')[1]}"
    rolling.stack.app("api", echo("third"))
    _, calls = rolling.calls_during(lambda: rolling.stack.ok("deploy"))
    assert set(calls) == {serving, "200 third"}, calls
    assert rolling.stack.run("plan", "--detailed-exitcode").returncode == 0


def _lasting(stack: LiveStack) -> int:
    """How many containers there are, without the probes that come and go."""
    roles = [c["Config"]["Labels"]["karst.role"] for c in stack.containers()]
    return len(roles) - roles.count("probe")


MOMENTS = ("handing over", "terraform apply", "waiting for", "removing replaced")


@pytest.mark.parametrize("moment", MOMENTS)
def test_karst_killed_at_any_moment_goes_on_when_run_again(
    rolling: Rolling, moment: str, tmp_path: Path
) -> None:
    stack, log = rolling.stack, tmp_path / "log"
    answer = f"after {moment}"
    stack.app("api", echo(answer))
    serving = get(rolling.port, "/call/api:8000")[1]

    def cut_short_and_repeat() -> None:
        with running(stack, "deploy", log=log) as process:
            until_line(process, log, moment)
            time.sleep(0.3)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert get(rolling.port, "/call/api:8000")[1] in (serving, answer)
        stack.ok("deploy")

    _, calls = rolling.calls_during(cut_short_and_repeat)
    assert set(calls) == {f"200 {serving}", f"200 {answer}"}, calls
    assert _lasting(stack) == 5
    assert stack.run("plan", "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("next_code", ["the same", "another"])
def test_terraform_killed_while_it_makes_containers(
    rolling: Rolling, next_code: str, tmp_path: Path
) -> None:
    stack, log = rolling.stack, tmp_path / "log"
    serving = get(rolling.port, "/call/api:8000")[1]
    half_made = f"half made, then {next_code}"
    stack.app("api", echo(half_made))
    before = _lasting(stack)
    with running(stack, "deploy", log=log) as process:
        until_line(process, log, "terraform apply")
        until(
            lambda: _lasting(stack) > before or process.poll() is not None,
            240,
            "Terraform makes a container",
        )
        kill_family(process)
    assert get(rolling.port, "/call/api:8000")[1] in (serving, half_made)
    answer = f"whole again, with {next_code}"
    if next_code == "another":
        stack.app("api", echo(answer))
    else:
        answer = half_made
    stack.ok("deploy")
    assert get(rolling.port, "/call/api:8000") == (200, answer)
    assert _lasting(stack) == 5
    assert stack.run("plan", "--detailed-exitcode").returncode == 0


def test_a_container_that_the_killed_terraform_did_not_note_is_gone(
    rolling: Rolling, tmp_path: Path
) -> None:
    """Terraform notes a release at once, and its container when the engine answers."""
    stack, log = rolling.stack, tmp_path / "log"
    # What never answers gets no traffic, however late it is killed.
    stack.app("api", WORKER)
    before = set(_names(stack))
    with running(stack, "deploy", log=log) as process:
        until_line(process, log, "waiting for")
        kill_family(process)
    (made,) = {n for n in _names(stack) if "-api-" in n} - before
    key = made.removeprefix(f"{stack.name}-").replace("api-", "api@")
    subprocess.run(
        ["terraform", "state", "rm", f'docker_container.app["{key}"]'],
        cwd=stack.folder / ".karst" / stack.name,
        check=True,
        capture_output=True,
    )
    stack.app("api", echo("noted"))
    stack.ok("deploy")
    assert get(rolling.port, "/call/api:8000") == (200, "noted")
    assert made not in _names(stack)
    assert _lasting(stack) == 5


def _names(stack: LiveStack) -> list[str]:
    return [c["Name"].lstrip("/") for c in stack.containers("app")]


def test_two_applies_at_once_break_nothing(rolling: Rolling, tmp_path: Path) -> None:
    stack = rolling.stack
    stack.app("api", echo("both"))
    logs = tmp_path / "one", tmp_path / "two"
    with (
        running(stack, "deploy", log=logs[0]) as one,
        running(stack, "deploy", log=logs[1]) as two,
    ):
        codes = [one.wait(timeout=400), two.wait(timeout=400)]
    said = [log.read_text() for log in logs]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        assert code in (0, 20), text
        assert (code == 20) == ("karst works on this stack" in text), text
    stack.ok("deploy")
    assert get(rolling.port, "/call/api:8000") == (200, "both")
    assert _lasting(stack) == 5
    assert stack.run("plan", "--detailed-exitcode").returncode == 0


def test_what_killed_runs_left_is_gone(rolling: Rolling) -> None:
    # A killed run's probe goes on asking, and is a leftover only once it has ended.
    until(lambda: not _asking(rolling.stack), 240, "no probe asks any more")
    # As a run leaves them that is killed in a delivery or while it asks.
    sidecar = rolling.stack.container("sidecar", "api")["Config"]["Image"]
    made = time.monotonic()
    left = {
        docker("create", f"--label=karst.role={role}", sidecar, role).strip()
        for role in ("probe", "carrier")
    }
    rolling.stack.ok("deploy")
    # A living run's could be this young.
    assert left <= _everything() or time.monotonic() - made > 55
    time.sleep(62)
    rolling.stack.ok("deploy")
    assert not left & _everything()
    assert len(rolling.stack.containers()) == 5


def _asking(stack: LiveStack) -> bool:
    return any(c["State"]["Running"] for c in stack.containers("probe"))


def _everything() -> set[str]:
    return set(docker("ps", "-aq", "--no-trunc").split())
