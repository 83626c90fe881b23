"""No secret in anything that the step leaves: plan, apply, failure, drift, e2e, destroy.

The program as a job starts it, on a real engine, with a GitHub over HTTP. The app prints
its secret and ends, so that it stands where karst shows last log lines. The hostile forms
of a value are in tests/cli/test_step_secrets.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User
from tests.networks import free_subnet
from tests.pipelined import Pipelined, app, docker

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BOT = User("github-actions[bot]", 41898282, "Bot")
ADA = User("ada", 2)
TOKEN = "ghs_canary0123456789canary"
# Input or variable of the job => its value; each is found by itself.
CANARIES = {
    "INPUT_GITHUB-TOKEN": TOKEN,
    "INPUT_GITLAB-TOKEN": "glpat-canary-1f0e9d8c7b6a",
    "INPUT_BITBUCKET-TOKEN": "ada@acme.example:bb-canary-2e1d0c9b8a7f",
    "INPUT_RECEIPT-KEY": "receipt-canary-0123456789-0123456789",
    "INPUT_SSH-PRIVATE-KEY": "-----BEGIN KEY-----\nssh-canary-3d2c1b0a9f8e\n-----END KEY-----",
    "PASSWORD": 'service-"canary"-5b4a3f2e1d0c',
}
NEEDLES = [
    *("ghs_canary0123456789canary", "glpat-canary-1f0e9d8c7b6a"),
    *("bb-canary-2e1d0c9b8a7f", "receipt-canary-0123456789-0123456789"),
    *("ssh-canary-3d2c1b0a9f8e", "5b4a3f2e1d0c"),
]
PRINTING = """\
import os, sys

if __name__ == "__main__":
    print("using", os.environ["PASSWORD"], os.environ["COPY"], flush=True)
    sys.exit(f"no entry with {os.environ['PASSWORD']}")
"""


@dataclass
class Job(Pipelined):
    """A job of the repository; `said` is all that its runs left where people look."""

    said: dict[str, str] = field(default_factory=dict)

    def run(
        self, event: str, payload: dict[str, Any], revision: str, **more: str
    ) -> int:
        workspace = self.checkout(revision)
        files = {n: workspace.parent / n for n in ("output", "summary", "event")}
        for path in files.values():
            path.touch()
        shop = {"full_name": "acme/shop", "default_branch": "main"}
        files["event"].write_text(json.dumps({"repository": shop, **payload}))
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "GITHUB_API_URL": self.desk.forge.api,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(files["event"]),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": self.desk.forge.url,
            "GITHUB_SHA": self.desk.git.resolve(revision) or "",
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_WORKSPACE": str(workspace),
            "INPUT_SSH-KNOWN-HOSTS": "host ssh-ed25519 AAAA",
            **{k: v for k, v in os.environ.items() if k.startswith("DOCKER_")},
            **CANARIES,
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-m", "karst", "step"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        turn = f"{len(self.said)} {event} {more.get('INPUT_COMMAND', '')}"
        log = (done.stdout + done.stderr).splitlines()
        # By these alone the runner learns what to hide.
        kept = [line for line in log if not line.startswith("::add-mask::")]
        self.said[f"{turn} log"] = "\n".join(kept)
        for path in (*files.values(), *(workspace / ".karst").rglob("*")):
            if path.is_file():
                text = path.read_bytes().decode("utf-8", "replace")
                self.said[f"{turn} {path.name}"] = text
        for comment in self.desk.shelf.comments.values():
            self.said[f"{turn} comment {comment.id}"] = comment.body
        for issue in self.desk.shelf.issues.values():
            self.said[f"{turn} issue {issue.number}"] = issue.title + issue.body
        return done.returncode

    def reviewed(self, branch: str, files: dict[str, str]) -> int:
        """Plan a request, merge it, and apply; returns the apply's exit code."""
        number = self.desk.open(branch, files, author=ADA)
        repository = {"full_name": "acme/shop"}
        base, head = self.desk.git.resolve("main"), self.desk.head(number)
        payload = {
            "number": number,
            "user": {"login": "ada"},
            "head": {"ref": branch, "sha": head, "repo": repository},
            "base": {"ref": "main", "sha": base, "repo": repository},
        }
        code = self.run("pull_request", {"pull_request": payload}, branch)
        assert code == 0, self.last("log")
        self.desk.merge(number, "squash")
        return self.run("push", {"before": base}, "main")

    def last(self, name: str) -> str:
        """The newest text of this name."""
        return [text for key, text in self.said.items() if key.endswith(name)][-1]

    def holding(self) -> list[tuple[str, str]]:
        return [
            (place, needle)
            for place, text in self.said.items()
            for needle in NEEDLES
            if needle in text
        ]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    tag = uuid.uuid4().hex[:6]
    with FakeGitHub(tokens={TOKEN: BOT}) as forge:
        forge.add("acme/shop", tmp_path / "shop").commit({"README.md": "shop"})
        made = Job(
            Desk(forge, "acme/shop"),
            tmp_path,
            f"c{tag}",
            f"karsttest-{tag}",
            free_subnet(),
        )
        yield made
        made.destroy()
    assert forge.violations == []


def test_no_run_leaves_a_secret_where_people_look(job: Job) -> None:
    service = {
        "slug": "file:./web",
        "secrets": ["PASSWORD"],
        # A value that Terraform would print.
        "env": {"COPY": CANARIES["PASSWORD"]},
        "health": {"process": True, "grace": "30s", "interval": "1s"},
    }
    files = {"repos.yaml": job.repos(service), "web/main.py": app()}
    assert job.reviewed("first", files) == 0, job.last("log")
    assert "`web`" in job.last("summary")

    # A release that prints its secret and ends: last log lines, and the former runs on.
    assert job.reviewed("printing", {"web/main.py": PRINTING}) == 24, job.last("log")
    assert "[REDACTED]" in job.last("summary")
    assert "[REDACTED]" in job.last("junit.xml")
    assert job.run("schedule", {}, "main") == 24, job.last("log")
    assert "[REDACTED]" in job.last("summary")

    docker("rm", "-f", next(n for n in job.containers() if not n.endswith("sidecar")))
    for command in ("drift", "destroy"):
        asked = {"INPUT_COMMAND": command}
        assert job.run("workflow_dispatch", {}, "main", **asked) == 0, job.last("log")
    assert job.desk.shelf.issues

    assert len(job.said) > 40
    assert job.holding() == []
