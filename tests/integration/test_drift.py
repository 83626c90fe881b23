"""`karst drift` on a real stack: every way in which it stops being what was applied."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from sample_apps import JOB, echo
from snapshots import free_port, snapshot

from karst.cli.wiring import open_workbench
from karst.pipeline.drifting import look_for_drift
from karst.report.drift_text import drift_issue

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> LiveStack:
    made = make_stack()
    made.environ["TOKEN"] = "s3cret-canary"
    made.write(
        [
            {
                "slug": made.app("web", echo("web")),
                "publish": free_port(),
                "secrets": ["TOKEN"],
            },
            {"slug": made.app("api", echo("api")), "needs": ["migrate"]},
            {"slug": made.app("migrate", JOB), "kind": "job"},
        ]
    )
    made.ok("deploy")
    return made


@pytest.fixture
def mended(stack: LiveStack) -> Any:
    """The stack, put right again by a deploy afterwards: drift is what a deploy mends."""
    assert stack.run("drift", "--detailed-exitcode").returncode == 0
    yield stack
    stack.ok("deploy")
    clean = stack.run("drift", "--detailed-exitcode")
    assert clean.returncode == 0, clean.stdout


def told(stack: LiveStack, expect: int = 2, **environ: str) -> str:
    outcome = stack.run("drift", "--detailed-exitcode", **environ)
    assert outcome.returncode == expect, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_what_was_just_applied_has_not_drifted(stack: LiveStack) -> None:
    before = snapshot(stack)
    assert told(stack, 0) == f"'{stack.name}' is as the last apply left it.\n"
    document = stack.json("drift")
    assert (document["clean"], document["differences"]) == (True, [])
    assert snapshot(stack) == before


def test_a_repos_yaml_that_moved_on_is_no_drift(stack: LiveStack) -> None:
    """Nothing is fetched: the folder of a service may be gone."""
    file = stack.folder / "repos.yaml"
    text = file.read_text()
    (stack.folder / "web").rename(stack.folder / "elsewhere")
    try:
        file.write_text(text.replace("needs:", "calls: [web]\n  needs:"))
        assert "as the last apply left it" in told(stack, 0)
    finally:
        file.write_text(text)
        (stack.folder / "elsewhere").rename(stack.folder / "web")


def test_containers_that_are_gone_stopped_or_strange(mended: LiveStack) -> None:
    web = mended.container("app", "web")
    docker("rm", "-f", web["Id"])
    docker("stop", "-t", "0", mended.container("app", "api")["Id"])
    label = f"karst.stack={mended.name}"
    stranger = f"{mended.name}-stranger"
    words = ["create", "--name", stranger, "--label", label, "--label=karst.role=app"]
    docker(*words, web["Config"]["Image"])
    try:
        text = told(mended)
    finally:
        docker("rm", "-f", stranger)
    assert 'docker_container.app["web@' in text
    assert "create" in text
    assert "service 'api': container" in text
    assert "does not run" in text
    assert f"the state does not know container {stranger}" in text
    # A job that has ended is as it should be.
    assert "migrate" not in text


def test_an_image_name_that_means_another_image(mended: LiveStack) -> None:
    image = mended.container("app", "api")["Config"]["Image"]
    before = docker("image", "inspect", "-f", "{{.Id}}", image).strip()
    other = mended.container("app", "web")["Image"]
    docker("tag", other, image)
    try:
        text = told(mended)
    finally:
        docker("tag", before, image)
    assert f"service 'api': {image} is another image by now" in text


def test_files_that_somebody_changed_in_a_volume(mended: LiveStack) -> None:
    """Who may call is such a file: a name added there is found."""
    sidecar = mended.container("sidecar", "api")["Id"]
    path = "/var/lib/karst/current/sds-callers.json"
    before = read(sidecar, path)
    write(sidecar, path, before.replace(b"karst-probe", b"karst-thief"))
    text = told(mended)
    write(sidecar, path, before)
    assert "service 'api': its mesh files are" in text
    assert "was handed over last" in text


def read(container: str, path: str) -> bytes:
    words = ["docker", "exec", container, "cat", path]
    return subprocess.run(words, capture_output=True, check=True).stdout


def write(container: str, path: str, content: bytes) -> None:
    words = ["docker", "exec", "-i", container, "sh", "-c", f"cat > {path}"]
    subprocess.run(words, input=content, check=True)


def test_a_certificate_past_half_its_life(stack: LiveStack) -> None:
    """The clock is put forward: 45 of 90 days, and a minute."""
    drift = at(stack, timedelta(days=45, minutes=1))
    found = {(d.service, d.what[:37]) for d in drift.differences}
    half = "its certificate is past half its life"
    assert {(name, half) for name in ("web", "api")} <= found
    assert at(stack, timedelta(days=44)).clean
    ended = at(stack, timedelta(days=91)).differences
    assert {d.what[:21] for d in ended} == {"its certificate ended"}


def at(stack: LiveStack, later: timedelta) -> Any:
    bench = open_workbench(stack.folder / "repos.yaml")

    class Later:
        def now(self) -> datetime:
            return datetime.now(UTC) + later

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.tools.clock, name)

    tools = replace(bench.tools, clock=Later())  # type: ignore[arg-type]
    return look_for_drift(tools, bench.spec)


def test_a_secret_value_that_is_another_by_now(stack: LiveStack) -> None:
    text = told(stack, TOKEN="another-canary")
    assert "service 'web': it runs with other secret values" in text
    assert "canary" not in text
    # Nobody needs the values to look.
    assert "as the last apply left it" in told(stack, 0, TOKEN="")


def test_the_issue_says_the_same_and_stays_one(mended: LiveStack) -> None:
    docker("rm", "-f", mended.container("app", "web")["Id"])
    drift = at(mended, timedelta(0))
    title, text = drift_issue(drift.report)
    assert title == f"{mended.name} differs from its last apply"
    assert '`docker_container.app["web@' in text
    assert text.startswith("1 difference between")
    assert not drift.clean


def test_a_stack_that_is_not_deployed_is_a_sentence(make_stack: MakeStack) -> None:
    fresh = make_stack()
    fresh.write([{"slug": fresh.app("web", echo())}])
    outcome = fresh.run("drift")
    assert outcome.returncode == 10
    assert "is not deployed" in outcome.stderr
