"""A calling repository at a fake GitHub, and its workflow run under the real `act`.

The engine, Terraform, the action's image and the runner are real; the forge is a server
that is held to GitHub's own description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import act_runner
import yaml
from act_runner import ActRun

from tests.fakes.github import User
from tests.pipelined import KEY, Pipelined, app, docker, git

__all__ = ["ADA", "KEY", "REPOSITORY", "TOKEN", "Calling", "app", "docker", "git"]

TOKEN = "ghs_canary0123456789canary"
FORK_TOKEN = "ghs_reader0123456789reader"
BOT = User("github-actions[bot]", 41898282, "Bot")
READER = User("fork-token[bot]", 41898283, "Bot")
ADA = User("ada", 2)
REPOSITORY = "acme/shop"
_SHOW = """
echo "owner $(stat -c %u .)"
find .karst -printf 'left %u %m %p\\n' 2>/dev/null || true
"""


@dataclass
class Calling(Pipelined):
    """One repository whose pipeline has the step, with a stack of its own.

    Attributes:
        action: the folder that `karstkit/action@v1` stands for.
        inputs: `with:` of the step; every change is committed by `workflow()`.
        bind: whether the workspace is mounted into the job, not copied.
        workspace: of the last run.
    """

    action: Path
    runner: str
    inputs: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    bind: bool = False
    workspace: Path = Path()

    # --- the repository ---

    def files(self, *services: Any, **more: Any) -> dict[str, str]:
        """repos.yaml and the workflow."""
        return {
            "repos.yaml": self.repos(*services, **more),
            ".github/workflows/karst.yml": self.workflow(),
        }

    def workflow(self, *steps: Mapping[str, str]) -> str:
        """One job; `steps` are the `with:` of each step, by default the one of `inputs`."""
        used = [
            {
                "uses": "karstkit/action@v1",
                "id": f"karst{number or ''}",
                "with": {"receipt-key": "${{ secrets.RECEIPT_KEY }}", **inputs},
            }
            for number, inputs in enumerate(steps or (self.inputs,))
        ]
        events = (
            *("pull_request", "push", "schedule", "merge_group"),
            *("workflow_dispatch", "issue_comment", "workflow_run"),
        )
        job = {
            "runs-on": "ubuntu-latest",
            "steps": [
                {"uses": "actions/checkout@v4"},
                *used,
                {"if": "always()", "run": _SHOW},
            ],
        }
        # act names containers and volumes by workflow and job alone.
        return yaml.safe_dump({"on": list(events), "jobs": {self.name: job}})

    # --- events ---

    def pull_request(self, number: int, *, action: str = "synchronize") -> ActRun:
        """The request's run, on its trial merge, as GitHub checks it out."""
        request = self.desk.shelf.requests[number]
        workspace = self.checkout(request.base)
        git(
            workspace,
            "merge",
            "-q",
            "--no-ff",
            "-m",
            "trial",
            f"origin/{request.branch}",
        )
        head = {"full_name": request.head_repository or REPOSITORY}
        payload = {
            "action": action,
            "number": number,
            "pull_request": {
                "number": number,
                "user": {"login": request.author.login},
                "head": {
                    "ref": request.branch,
                    "sha": self.desk.head(number),
                    "repo": head,
                },
                "base": {
                    "ref": request.base,
                    "sha": self.desk.git.resolve(request.base),
                    "repo": {"full_name": REPOSITORY},
                },
            },
        }
        return self.run("pull_request", payload, workspace)

    def push(self, commit: str = "main", *, before: str = "") -> ActRun:
        """A push to main, whose newest commit is `commit`."""
        workspace = self.checkout(commit)
        known = self.desk.git.resolve(before or f"{commit}~1") or "0" * 40
        after = self.desk.git.resolve(commit)
        payload = {"ref": "refs/heads/main", "before": known, "after": after}
        return self.run("push", payload, workspace)

    def push_with(self, key: str) -> ActRun:
        """A push by a job that has this receipt key."""
        return replace(self, secrets={**self.secrets, "RECEIPT_KEY": key}).push()

    def other(self, event: str, **payload: Any) -> ActRun:
        """Any other event, on main."""
        return self.run(
            event, {"ref": "refs/heads/main", **payload}, self.checkout("main")
        )

    def run(self, event: str, payload: Mapping[str, Any], workspace: Path) -> ActRun:
        self.workspace = workspace
        return act_runner.run(self.command(event, payload, workspace))

    def command(
        self, event: str, payload: Mapping[str, Any], workspace: Path
    ) -> list[str]:
        shop = {"full_name": REPOSITORY, "default_branch": "main"}
        variables = {
            "GITHUB_API_URL": self.desk.forge.api,
            "GITHUB_SERVER_URL": self.desk.forge.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            **self.variables,
        }
        secrets = {"GITHUB_TOKEN": TOKEN, "RECEIPT_KEY": KEY, **self.secrets}
        return act_runner.command(
            workspace,
            event,
            {"repository": shop, **payload},
            action=self.action,
            runner=self.runner,
            variables=variables,
            secrets=secrets,
            cache=self.folder / "cache",
            bind=self.bind,
        )

    # --- what is there ---

    def comments(self, number: int) -> list[str]:
        return [c.body for c in self.desk.comments(number) if c.author == BOT]

    def job_containers(self) -> list[str]:
        """What act itself has running, or left."""
        name = f"--filter=name=-{self.name}-"
        return docker("ps", "-a", name, "--format={{.ID}} {{.Image}}").splitlines()
