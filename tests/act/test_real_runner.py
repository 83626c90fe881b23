"""The action's container as GitHub's own runner starts it, where `act` is another.

The workspace is a bind mount under another path than the host's, its owner is not root,
HOME is a folder of the runner, and there is no terminal.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from calling import ADA, KEY, REPOSITORY, TOKEN, Calling, app

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user"),
]

RUNNER_UID = 1001
CANARY = "canary-5f1c9a77d2"


@dataclass(frozen=True)
class Ran:
    """What a run of the container left: outputs and summary as in the runner's files."""

    code: int
    log: str
    outputs: str
    summary: str
    workspace: Path

    @property
    def owners(self) -> set[int]:
        """Of everything in the runner's folders that is not git's."""
        paths = self.workspace.parent.rglob("*")
        return {p.lstat().st_uid for p in paths if ".git" not in p.parts}

    def holding(self, secret: str) -> list[str]:
        """Where a secret shows, but for the commands that have the runner mask it."""
        lines = [line for line in self.log.splitlines() if "::add-mask::" not in line]
        places = {"log": "\n".join(lines), "outputs": self.outputs}
        places["summary"] = self.summary
        for path in (self.workspace / ".karst").rglob("*"):
            if path.is_file():
                places[str(path)] = path.read_text(errors="replace")
        return [name for name, text in places.items() if secret in text]


def run(calling: Calling, event: str, payload: dict[str, Any], **more: str) -> Ran:
    """Start the container with the mounts and variables of a job on GitHub."""
    workspace = calling.checkout(more.pop("revision", "main"))
    home = workspace.parent / "home"
    commands, workflow = home / "_runner_file_commands", home / "_github_workflow"
    for folder in (commands, workflow):
        folder.mkdir(parents=True)
    for name in ("output", "step_summary"):
        (commands / name).touch()
    shop = {"full_name": REPOSITORY, "default_branch": "main"}
    event_file = workflow / "event.json"
    event_file.write_text(json.dumps({"repository": shop, **payload}))
    subprocess.run(
        ["chown", "-R", f"{RUNNER_UID}:{RUNNER_UID}", workspace.parent], check=True
    )
    head = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", workspace, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    variables = {
        "INPUT_GITHUB-TOKEN": TOKEN,
        "INPUT_RECEIPT-KEY": KEY,
        "INPUT_COMMAND": "auto",
        "HOME": "/github/home",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": calling.desk.forge.api,
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": "/github/workflow/event.json",
        "GITHUB_OUTPUT": "/github/file_commands/output",
        "GITHUB_STEP_SUMMARY": "/github/file_commands/step_summary",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "7",
        "GITHUB_SERVER_URL": calling.desk.forge.url,
        "GITHUB_SHA": head,
        "GITHUB_WORKSPACE": "/github/workspace",
        "RUNNER_ENVIRONMENT": "self-hosted",
        "RUNNER_TEMP": "/github/runner_temp",
        **more,
    }
    image = yaml.safe_load((calling.action / "action.yml").read_text())["runs"]["image"]
    words = ["docker", "run", "--rm", "--network=host", "--workdir=/github/workspace"]
    words += [f"--env={name}={value}" for name, value in variables.items()]
    words += [
        f"--volume={workspace}:/github/workspace",
        f"--volume={home}:/github/home",
    ]
    words += [f"--volume={commands}:/github/file_commands"]
    words += [f"--volume={workflow}:/github/workflow"]
    words += ["--volume=/var/run/docker.sock:/var/run/docker.sock"]
    done = subprocess.run(
        [*words, image.removeprefix("docker://")],
        capture_output=True,
        text=True,
        check=False,
        timeout=1000,
    )
    return Ran(
        done.returncode,
        done.stdout + done.stderr,
        (commands / "output").read_text(),
        (commands / "step_summary").read_text(),
        workspace,
    )


def push(calling: Calling, **more: str) -> Ran:
    return run(calling, "push", {"before": "0" * 40}, **more)


def test_a_stack_is_applied_from_a_workspace_of_another_owner(calling: Calling) -> None:
    service = {"slug": "file:./web", "secrets": ["PASSWORD"], "env": {"COPY": CANARY}}
    calling.desk.git.commit(calling.files(service) | {"web/main.py": app()})
    found = push(calling, PASSWORD=CANARY, **{"INPUT_ON-UNREVIEWED": "apply"})
    assert found.code == 0, found.log
    assert found.holding(CANARY) == found.holding(TOKEN) == found.holding(KEY) == []
    assert "healthy<<karst-" in found.outputs
    assert "plan-json<<karst-" in found.outputs
    assert f"\n.karst/artifacts/{calling.name}/plan.json\n" in found.outputs
    assert "`web`" in found.summary
    assert found.owners == {RUNNER_UID}
    assert len(calling.containers()) == 2


def test_a_hosted_runners_own_engine_is_no_place_to_deploy_to(
    calling: Calling,
) -> None:
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    found = push(calling, RUNNER_ENVIRONMENT="github-hosted")
    assert found.code == 10
    assert "this runner's engine ends with the job" in found.log
    assert "command: e2e" in found.log
    assert calling.containers() == []
    assert found.owners == {RUNNER_UID}


def test_a_state_that_would_end_with_the_job_is_refused(calling: Calling) -> None:
    files = calling.files("file:./web", state={"backend": "local"})
    calling.desk.git.commit(files | {"web/main.py": app()})
    found = push(calling)
    assert found.code == 10
    assert "state: {backend: target}" in found.log


def test_hostile_names_give_the_runner_no_commands(calling: Calling) -> None:
    """A message that quotes a stranger's text stands between stop-commands."""
    calling.desk.git.commit(calling.files("file:./web") | {"web/main.py": app()})
    evil = "x\n::set-output name=healthy::true\n::add-mask::a"
    text = calling.repos("file:./web") + yaml.safe_dump({evil: 1})
    number = calling.desk.open("evil", {"repos.yaml": text}, author=ADA)
    git = calling.desk.git
    payload = {
        "action": "opened",
        "pull_request": {
            "number": number,
            "user": {"login": "ada"},
            "head": {
                "ref": "evil",
                "sha": calling.desk.head(number),
                "repo": {"full_name": REPOSITORY},
            },
            "base": {
                "ref": "main",
                "sha": git.resolve("main"),
                "repo": {"full_name": REPOSITORY},
            },
        },
    }
    found = run(calling, "pull_request", payload, revision="evil")
    assert found.code == 10, found.log
    heeded, stop = [], ""
    for line in found.log.splitlines():
        if stop and line == f"::{stop}::":
            stop = ""
        elif not stop and line.startswith("::stop-commands::"):
            stop = line.removeprefix("::stop-commands::")
        elif not stop and line.startswith("::"):
            heeded.append(line.split("::")[1].split()[0])
    assert set(heeded) <= {"add-mask", "error", "group", "endgroup"}
    assert not any(line.strip() == "::add-mask::a" for line in found.log.splitlines())
