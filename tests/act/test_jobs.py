"""Several stacks, other events, and a job that is cancelled in the middle."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace

import pytest
from calling import ADA, Calling, app, docker

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_two_stacks_of_one_request_have_a_comment_and_files_each(
    calling: Calling,
) -> None:
    files = calling.files("file:./web") | {"web/main.py": app()}
    files[".github/workflows/karst.yml"] = calling.workflow(
        {}, {"file": "deploy/two.yaml", "label": "eu west"}
    )
    calling.desk.git.commit(files)
    second = calling.repos(
        {"slug": "file:../web", "name": "api"}, name=f"{calling.name}-second"
    )
    number = calling.desk.open("two", {"deploy/two.yaml": second}, author=ADA)
    found = calling.pull_request(number).ok()
    assert len(calling.comments(number)) == 2
    urls = {found.outputs[f"karst{n}.comment-url"] for n in ("", "1")}
    assert len(urls) == 2
    assert found.outputs["karst.plan-json"] != found.outputs["karst1.plan-json"]
    calling.pull_request(number).ok()
    assert len(calling.comments(number)) == 2


def test_what_a_request_says_of_target_and_state_is_told_and_not_used(
    calling: Calling,
) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    text = calling.repos(
        "file:./web",
        target={"docker_host": "tcp://127.0.0.1:9"},
        state={"backend": "local", "config": {"path": "/etc/passwd"}},
    )
    number = calling.desk.open("move", {"repos.yaml": text}, author=ADA)
    calling.pull_request(number).ok()
    (comment,) = calling.comments(number)
    assert "Security-relevant" in comment
    assert "tcp://127.0.0.1:9" in comment
    assert "1 to add" in comment


def test_a_secret_of_the_steps_own_is_an_annotation_on_its_line(
    calling: Calling,
) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    text = calling.repos({"slug": "file:./web", "secrets": ["GITHUB_TOKEN"]})
    number = calling.desk.open("steal", {"repos.yaml": text}, author=ADA)
    refused = calling.pull_request(number)
    assert "the step's own variable" in refused.failed()
    line = 1 + text.splitlines().index("  - GITHUB_TOKEN")
    ((_, place, _),) = [n for n in refused.notices if n[0] == "error"]
    assert f"file=repos.yaml,line={line}" in place


def test_a_plan_that_fails_says_so_where_an_older_one_stood(calling: Calling) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    number = calling.desk.open("web", {"web/main.py": app("new")}, author=ADA)
    calling.pull_request(number).ok()
    text = calling.repos("file:./web", {"slug": "file:./lost", "name": "lost"})
    calling.desk.push("web", {"repos.yaml": text})
    failed = calling.pull_request(number)
    assert "there is no such folder" in failed.failed()
    line = text.splitlines().index("- name: lost") + 1
    ((_, place, _),) = [n for n in failed.notices if n[0] == "error"]
    assert f"file=repos.yaml,line={line}" in place
    assert "there is no such folder" in failed.summary
    (comment,) = calling.comments(number)
    assert "No plan" in comment
    assert "there is no such folder" in comment
    assert "hmac-sha256" not in comment


def test_a_queues_trial_and_a_manual_run_are_planned(calling: Calling) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    number = calling.desk.open("web", {"web/main.py": app("new")}, author=ADA)
    base, head = calling.desk.git.resolve("main"), calling.desk.head(number)
    queue = {
        "head_ref": f"refs/heads/gh-readonly-queue/main/pr-{number}-{base}",
        "head_sha": head,
        "base_ref": "refs/heads/main",
        "base_sha": base,
    }
    queued = calling.other("merge_group", merge_group=queue).ok()
    assert "1 to add" in queued.summary
    (comment,) = calling.comments(number)
    assert "karst:receipt hmac-sha256" in comment
    manual = calling.other("workflow_dispatch", inputs={}).ok()
    assert manual.outputs["karst.changes"] == "true"
    assert calling.containers() == []


def test_the_lock_is_moved_on_in_the_workspace(calling: Calling) -> None:
    """So that a later step can make a request of it."""
    calling.inputs["command"] = "lock"
    calling.desk.git.commit({"web/main.py": app()})
    calling.desk.git.commit(calling.files("file:./web#main"))
    mounted = replace(calling, bind=True)
    found = mounted.other("workflow_dispatch").ok()
    assert found.outputs["karst.changes"] == "true"
    text = (mounted.workspace / "repos.lock").read_text()
    assert str(calling.desk.git.resolve("main")) in text


def test_a_comment_that_fails_leaves_the_plan_good(calling: Calling) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    number = calling.desk.open("web", {"web/main.py": app("new")}, author=ADA)
    calling.desk.forge.fail(403, path=f"/issues/{number}/comments", times=50)
    found = calling.pull_request(number).ok()
    assert "1 to add" in found.summary
    (warning,) = [n for n in found.notices if n[0] == "warning"]
    assert "the comment could not be written" in warning[2]
    calling.desk.forge.faults.clear()


def test_a_cancelled_apply_goes_on_where_it_was(calling: Calling) -> None:
    """Cancelled in the middle, the same push again finishes it."""
    calling.inputs["on-unreviewed"] = "apply"
    calling.desk.git.commit(
        calling.files("file:./web", "file:./api")
        | {"web/main.py": app(), "api/main.py": app()}
    )
    workspace = calling.checkout("main")
    payload = {"ref": "refs/heads/main", "before": "0" * 40}
    words = calling.command("push", payload, workspace)
    log = calling.folder / "cancelled.log"
    with log.open("wb") as out:
        job = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 1000
        while not calling.containers():
            assert job.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        # As GitHub's runner cancels; act's own way leaves the container running.
        containers = calling.job_containers()
        step = next(c for c in containers if "karsttest/action" in c).split()[0]
        docker("kill", "--signal=INT", step)
        assert job.wait(1000) != 0
    finally:
        job.kill()
        job.wait()
    # act removes the container at once: what it ended with stands in act's log.
    assert "exit with `FAILURE`: 130" in log.read_text()
    calling.push().ok()
    label = f"--filter=label=karst.stack={calling.name}"
    running = docker("ps", label, "--format={{.Names}}").split()
    assert len(running) == 4
