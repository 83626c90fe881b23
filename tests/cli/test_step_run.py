"""`karst step` as a program, with a GitHub over HTTP and no engine: what needs none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from karst.report.sealed import open_sealed
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User

pytestmark = pytest.mark.processes

TOKEN = "ghs_canary0123456789canary"
KEY = "receipt-canary-0123456789-0123456789"
ADA = User("ada", 2)
BOT = User("github-actions[bot]", 9, "Bot")
SHOP = {"full_name": "acme/shop", "default_branch": "main"}


@dataclass
class Step:
    """A job of acme/shop, its workspace, and what its last run left in the files."""

    desk: Desk
    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def run(
        self, event: str, payload: dict[str, Any], **inputs: str
    ) -> subprocess.CompletedProcess[str]:
        for name in ("output", "summary"):
            (self.folder / name).write_text("")
        (self.folder / "event.json").write_text(
            json.dumps({"repository": SHOP, **payload})
        )
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # Nobody listens there: no test of this file may need an engine.
            "DOCKER_HOST": "tcp://127.0.0.1:9",
            "GITHUB_ACTOR": "ada",
            "GITHUB_API_URL": self.desk.forge.api,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": self.desk.forge.url,
            "GITHUB_SHA": self.desk.git.resolve("main") or "",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "INPUT_GITHUB-TOKEN": TOKEN,
            "INPUT_RECEIPT-KEY": KEY,
            **{f"INPUT_{k.upper().replace('_', '-')}": v for k, v in inputs.items()},
        }
        return subprocess.run(
            [sys.executable, "-m", "karst", "step"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def pull_request(self, number: int, **inputs: str) -> tuple[int, str]:
        request = self.desk.shelf.requests[number]
        self.fill(request.branch)
        repo = {"full_name": "acme/shop"}
        base, head = self.desk.git.resolve("main"), self.desk.head(number)
        payload = {
            "number": number,
            "user": {"login": "ada"},
            "head": {"ref": request.branch, "sha": head, "repo": repo},
            "base": {"ref": "main", "sha": base, "repo": repo},
        }
        done = self.run("pull_request", {"pull_request": payload}, **inputs)
        return done.returncode, done.stdout + done.stderr

    def fill(self, revision: str) -> None:
        """Have repos.yaml of a revision in the workspace."""
        self.workspace.mkdir(exist_ok=True)
        text = self.desk.git.git("show", f"{revision}:repos.yaml")
        (self.workspace / "repos.yaml").write_text(text + "\n")

    def output(self, name: str) -> str:
        lines = (self.folder / "output").read_text().splitlines()
        found = [i for i, line in enumerate(lines) if line.startswith(f"{name}<<")]
        return lines[found[-1] + 1] if found else ""

    def left(self, name: str) -> str:
        """The text of a file among the artifacts."""
        return (self.workspace / ".karst/artifacts/shop" / name).read_text()

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()

    def comments(self, number: int) -> list[str]:
        return [c.body for c in self.desk.comments(number)]


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Step]:
    with FakeGitHub(tokens={TOKEN: BOT}) as forge:
        forge.add("acme/shop", tmp_path / "shop").commit(
            {"repos.yaml": "services:\n- gh:acme/web\n"}
        )
        yield Step(Desk(forge, "acme/shop"), tmp_path)
    assert forge.violations == []


def opened(step: Step, text: str) -> int:
    return step.desk.open("topic", {"repos.yaml": text}, author=ADA)


TWO = "services:\n- gh:acme/web\n- {slug: gh:acme/api, port: 9000}\n"


def test_without_state_a_request_is_compared_with_its_base(step: Step) -> None:
    number = opened(step, TWO)
    code, log = step.pull_request(number)
    assert code == 0, log
    (comment,) = step.comments(number)
    sealed = open_sealed(comment)
    assert sealed
    assert sealed.signed.startswith("hmac-sha256 ")
    for text in (sealed.body, step.summary):
        assert "A limited plan" in text
        assert "1 to add" in text
    assert step.output("changes") == "true"
    assert step.output("comment-url").startswith(step.desk.forge.url)
    plan = json.loads((step.workspace / step.output("plan-json")).read_text())
    # web may call the newcomer, so its edges change.
    assert plan["counts"] == {"add": 1, "change": 1, "remove": 0, "keep": 0}
    assert KEY not in log.replace(f"::add-mask::{KEY}", "")


def test_an_engine_that_is_not_to_be_had_makes_the_plan_limited(step: Step) -> None:
    state = "state: {backend: target}\n"
    step.desk.git.commit({"repos.yaml": f"services:\n- gh:acme/web\n{state}"})
    number = opened(step, TWO + state)
    code, log = step.pull_request(number)
    assert code == 0, log
    assert "without state and engine" in step.summary
    assert "::warning" in log


def test_comment_off_writes_none(step: Step) -> None:
    number = opened(step, TWO)
    assert step.pull_request(number, comment="off")[0] == 0
    assert step.comments(number) == []
    assert "1 to add" in step.summary


def test_a_newer_commit_s_comment_is_not_written_over(step: Step) -> None:
    number = opened(step, TWO)
    head = step.desk.head(number)
    step.desk.push("topic", {"other": "x"})
    step.fill("topic")
    repo = {"full_name": "acme/shop"}
    base = step.desk.git.resolve("main")
    payload = {
        "number": number,
        "user": {"login": "ada"},
        "head": {"ref": "topic", "sha": head, "repo": repo},
        "base": {"ref": "main", "sha": base, "repo": repo},
    }
    done = step.run("pull_request", {"pull_request": payload})
    assert done.returncode == 0, done.stdout
    assert "a newer commit by now" in done.stdout
    assert step.comments(number) == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"comand": "plan"}, "did you mean 'command'?"),
        ({"file": "lost.yaml"}, "there is no such file"),
        ({"command": "apply"}, "nobody has reviewed"),
    ],
)
def test_what_is_wrong_is_one_annotation_and_its_own_exit_code(
    step: Step, inputs: dict[str, str], words: str
) -> None:
    code, log = step.pull_request(opened(step, TWO), **inputs)
    assert code == 10
    (line,) = [line for line in log.splitlines() if line.startswith("::error")]
    assert words in line
    assert "Traceback" not in log
    assert words in step.summary


def test_a_push_without_a_lasting_state_is_refused(step: Step) -> None:
    step.fill("main")
    done = step.run("push", {"before": "0" * 40})
    assert done.returncode == 10
    assert "state: {backend: target}" in done.stdout
    assert "### ❌ Apply of `shop`: failed" in step.summary
    assert "state: {backend: target}" in step.summary
    assert "state: {backend: target}" in step.left("junit.xml")


@pytest.mark.parametrize(
    ("role", "body", "words"),
    [
        ("read", "/karst plan", "ada may not write"),
        ("write", "/karst apply", "nothing is applied before it is"),
        ("write", "nice work", "the comment is not for karst"),
    ],
)
def test_comments_that_lead_to_nothing(
    step: Step, role: str, body: str, words: str
) -> None:
    number = opened(step, TWO)
    step.desk.shelf.roles = {"ada": role}
    payload = {
        "action": "created",
        "issue": {"number": number, "pull_request": {}},
        "comment": {"id": 5, "body": body, "user": {"login": "ada"}},
    }
    done = step.run("issue_comment", payload)
    assert (done.returncode, words in done.stdout) == (0, True), done.stdout
    assert step.comments(number) == []


def test_a_follower_without_a_plan_has_nothing_to_post(step: Step) -> None:
    step.workspace.mkdir()
    run = {
        "id": 5,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": "a" * 40,
        "head_branch": "topic",
        "head_repository": {"full_name": "mallory/shop"},
    }
    done = step.run("workflow_run", {"workflow_run": run})
    assert done.returncode == 0, done.stdout
    assert "left no plan" in done.stdout


def followed(step: Step, head: str) -> str:
    """A stranger's run has left a plan of `head`; returns the second run's log."""
    plan = {
        "version": 1,
        "stack": "shop",
        "target": "",
        "label": "",
        "services": [],
        "resources": [],
        "mesh": {},
        "limited": True,
    }
    folder = step.workspace / ".karst/artifacts/shop"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "for-comment.json").write_text(json.dumps(plan))
    run = {
        "id": 5,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": head,
        "head_branch": "topic",
        "head_repository": {"full_name": "acme/shop"},
    }
    done = step.run("workflow_run", {"workflow_run": run})
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_strangers_run_does_not_take_a_receipt_away(step: Step) -> None:
    """He may close and open his request, and so start it, after a maintainer's plan."""
    number = opened(step, TWO)
    assert step.pull_request(number)[0] == 0
    (signed,) = step.comments(number)
    log = followed(step, step.desk.head(number))
    assert "has a receipt for this very commit" in log
    assert step.comments(number) == [signed]
    # One of a commit that is no longer the last is of no use.
    head = step.desk.push("topic", {"other": "x"})
    followed(step, head)
    (posted,) = step.comments(number)
    assert "take it as the author's word" in posted
