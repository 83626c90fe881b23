"""A project at a fake GitLab, and its pipelines run under the real `gitlab-ci-local`.

The engine, Terraform, karst's image and the runner are real; the forge is a server whose
answers are held to a reader of GitLab's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import local_runner
import yaml
from local_runner import LocalRun

from tests.fakes.gitlab import User
from tests.pipelined import KEY, Pipelined, git

TOKEN = "glpat-canary0123456789canary"
JOB_TOKEN = "glcbt-canary9876543210canary"
BOT = User("project_1_bot", 41, "Bot")
JOB = User("gitlab-ci-token", 42, "Bot")
ADA = User("ada", 2)
PATH = "acme/shop"
TEMPLATE = Path(__file__).parents[2] / "templates" / "karst.yml"
_NOBODY = "0" * 40


@dataclass
class GitLabProject(Pipelined):
    """One project whose pipeline includes karst's jobs, with a stack of its own.

    Attributes:
        image: karst's.
        helper: the image by which the runner copies files.
        inputs: of the include; every change is committed by `files()`.
        variables: the project's own, such as its tokens.
        socket: whether the runner mounts the engine's socket into jobs.
        runner: more words for the runner.
    """

    image: str
    helper: str
    inputs: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(
        default_factory=lambda: {"GITLAB_TOKEN": TOKEN, "KARST_RECEIPT_KEY": KEY}
    )
    socket: bool = True
    runner: tuple[str, ...] = ()

    def pipeline(self, include: dict[str, Any] | None = None) -> dict[str, str]:
        """The pipeline's file, and the template beside it."""
        inputs = {"image": self.image, **self.inputs}
        entry = {**(include or {"local": "templates/karst.yml"}), "inputs": inputs}
        return {
            ".gitlab-ci.yml": yaml.safe_dump({"include": [entry]}),
            "templates/karst.yml": TEMPLATE.read_text(),
        }

    def files(self, *services: Any, **more: Any) -> dict[str, str]:
        return {"repos.yaml": self.repos(*services, **more), **self.pipeline()}

    # --- pipelines ---

    def merge_request(self, number: int, *, fork: str = "", **more: str) -> LocalRun:
        """The request's own pipeline, on its last commit."""
        request = self.desk.shelf.requests[number]
        head = self.desk.head(number)
        base = self.desk.git.git("merge-base", request.base, head)
        variables = {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_MERGE_REQUEST_PROJECT_PATH": PATH,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": fork or PATH,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": request.base,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": request.branch,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
            "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
            **({"CI_PROJECT_PATH": fork} if fork else {}),
            **more,
        }
        return self.run(head, ("karst:plan",), variables, unset=("CI_COMMIT_BRANCH",))

    def push(self, commit: str = "main", *jobs: str) -> LocalRun:
        """The default branch's pipeline; `jobs` None is what runs by itself."""
        before = self.desk.git.resolve(f"{commit}~1") or _NOBODY
        variables = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BEFORE_SHA": before}
        return self.run(commit, jobs or ("karst:apply",), variables)

    def schedule(self, **variables: str) -> LocalRun:
        """A schedule's pipeline, with variables of the schedule."""
        source = {"CI_PIPELINE_SOURCE": "schedule"}
        return self.run("main", ("karst:scheduled",), {**source, **variables})

    def run(
        self,
        revision: str,
        jobs: tuple[str, ...],
        variables: dict[str, str],
        *,
        unset: tuple[str, ...] = (),
    ) -> LocalRun:
        workspace = self.checkout(revision)
        git(workspace, "remote", "set-url", "origin", f"git@gitlab.test:{PATH}.git")
        of_the_forge = {
            "CI_API_V4_URL": self.desk.forge.api,
            "CI_SERVER_URL": self.desk.forge.url,
            "CI_PROJECT_ID": "1",
            "CI_PROJECT_PATH": PATH,
            "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_TOKEN": JOB_TOKEN,
            "CI_JOB_URL": f"{self.desk.forge.url}/{PATH}/-/jobs/7",
            "GITLAB_USER_LOGIN": ADA.login,
        }
        return local_runner.run(
            workspace,
            jobs,
            {**of_the_forge, **self.variables, **variables},
            helper=self.helper,
            unset=unset,
            socket=self.socket,
            more=self.runner,
        )

    # --- what is there ---

    def notes(self, number: int) -> list[str]:
        return [c.body for c in self.desk.comments(number) if c.author == BOT]
