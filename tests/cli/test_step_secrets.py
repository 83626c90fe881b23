"""No secret in anything that a step writes, however a rendering would write it.

Each canary holds `c4n4ry` in what a rendering writes otherwise, cuts, or splits in lines:
not a part of it may be found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from karst.cli import step as step_module
from karst.cli.step_files import PipelineJob
from karst.cli.step_github import GitHubJob
from karst.cli.step_gitlab import GitLabJob
from karst.context.run_context import RunContext
from karst.errors import TerraformError
from karst.forges.access import ForgeAccess
from karst.forges.github_requests import GitHubRequests
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import CommentHeader
from karst.health import Verdict
from karst.health.edges import EdgeVerdict
from karst.pipeline.step_review import Request, Reviewing
from karst.pipeline.step_telling import Telling
from karst.report.model import Alert, Failure, PlanReport, RunReport, ServiceLine
from karst.secret import Secret
from karst.terraform import ResourceChange
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User

pytestmark = pytest.mark.processes

TOKEN = "ghs_canary0123456789canary"
NEEDLE = "c4n4ry"
QUOTED = 'a"b\\c4n4ry&<i>|é  twö'
PEM = "-----BEGIN KEY-----\nfirst-c4n4ry\n  second-c4n4ry\n-----END KEY-----\n"
LONG = f"c4n4ry-{'x' * 900}-c4n4ry"
SECRETS = (Secret(QUOTED), Secret(PEM), Secret(LONG), Secret(f"{NEEDLE}-end\n"))
SHOWN = (QUOTED, *PEM.splitlines(), LONG, f"{NEEDLE}-end")
HOSTILE = f"{'y' * 300} {QUOTED} {LONG} {PEM} {NEEDLE}-end"

PLAN = PlanReport(
    "shop",
    services=(
        ServiceLine(
            "web",
            "change",
            "release",
            slug=f"gh:acme/web#{HOSTILE}",
            image=HOSTILE,
            entrypoint=HOSTILE,
            why=HOSTILE,
            ports=(HOSTILE,),
            differs=SHOWN,
        ),
    ),
    resources=(
        ResourceChange("docker_container.app", "app", "web@1", ("update",), SHOWN),
    ),
    alerts=(Alert("security", ("web",), "changes to", (HOSTILE, *SHOWN)),),
    notes=(HOSTILE,),
    mesh={"web": (HOSTILE,)},
)
RUN = RunReport(
    "shop",
    "apply",
    plan=PLAN,
    verdicts=(
        Verdict(
            "web",
            "1",
            "unhealthy",
            reason=HOSTILE,
            exit_reason=HOSTILE,
            last_lines=SHOWN,
        ),
    ),
    edges=(EdgeVerdict("web", "api", "allowed", well=False, detail=HOSTILE),),
    failures=(Failure(HOSTILE, HOSTILE, HOSTILE, SHOWN),),
    unreviewed={"web": HOSTILE},
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with FakeGitHub(tokens={TOKEN: User("github-actions[bot]", 9, "Bot")}) as forge:
        forge.add("acme/shop", tmp_path / "shop").commit({"repos.yaml": "x"})
        yield Desk(forge, "acme/shop")
    assert forge.violations == []


@pytest.fixture(params=[GitHubJob, GitLabJob])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> PipelineJob:
    made: Callable[..., PipelineJob] = request.param
    folder = tmp_path / "told"
    folder.mkdir()
    files = {
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    found = made(files, folder, folder / ".karst" / "artifacts")
    found.open()
    found.mask(SECRETS)
    return found


def holding(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 2
    return [path.name for path in files if NEEDLE in path.read_text()]


def test_nothing_that_is_told_of_a_plan_or_a_run_holds_a_secret(
    job: PipelineJob, desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    number = desk.open("topic", {"x": "y"}, author=User("ada", 2))
    access = ForgeAccess("gh", desk.forge.api, desk.forge.url, Secret(TOKEN))
    publisher = GitHubRequests(access, HttpOptions(), "acme/shop", "main")
    header = CommentHeader("shop")
    reviewing = Reviewing(
        RunContext("github", tmp_path, repository="acme/shop"),
        header,
        publisher,
        Request(number, desk.head(number)),
    )
    telling = Telling(job, "shop", comments="update", publisher=publisher)

    told: list[str] = []
    error = TerraformError(HOSTILE, where=HOSTILE, remedy=HOSTILE, detail=HOSTILE)
    for tell in (
        lambda: telling.plan(PLAN),
        lambda: telling.comment(PLAN, None, reviewing),
        lambda: telling.failed_plan(error, reviewing),
        lambda: telling.run(RUN),
        lambda: telling.failed_run("e2e", error),
        lambda: telling.issue(RUN, header, clean=False),
    ):
        tell()
        told += [c.body for c in desk.comments(number)]
        told += [issue.body for issue in desk.shelf.issues.values()]
        assert holding(job.folder.parent.parent) == []
    assert len({*told}) >= 3
    assert [text for text in told if NEEDLE in text] == []
    assert NEEDLE not in capsys.readouterr().out


def test_what_another_program_has_quoted_is_found_in_its_lines(
    job: PipelineJob, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terraform tells an env as it stands in its language, a client in an address."""
    secret = f'{NEEDLE}-"quoted"\\${{x}}%{{y}}&é/'
    job.mask((Secret(secret),))
    capsys.readouterr()
    hcl = secret.replace("\\", "\\\\").replace('"', '\\"')
    for text in (
        hcl.replace("${", "$${").replace("%{", "%%{"),
        json.dumps({"env": secret}),
        json.dumps({"env": secret}, ensure_ascii=False),
        f"postgres://me:{quote(secret, safe='')}@db/shop",
        escape(secret),
    ):
        job.line(f'+ "COPY" = "{text}"')
    told = capsys.readouterr().out
    assert told.count("[REDACTED]") == 5
    assert NEEDLE not in told


def test_neither_does_what_a_fault_of_ours_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "event").write_text("{}")
    environ = {
        "GITHUB_EVENT_NAME": "workflow_dispatch",
        "GITHUB_EVENT_PATH": str(tmp_path / "event"),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": "a" * 40,
        "GITHUB_WORKSPACE": str(tmp_path),
        "INPUT_SSH-PRIVATE-KEY": PEM,
        "INPUT_SSH-KNOWN-HOSTS": "host key",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def fail(*_: Any) -> None:
        raise RuntimeError(f"no such thing: {PEM}")

    monkeypatch.setattr(step_module, "_run", fail)
    assert step_module.step_command() == 1
    told = capsys.readouterr()
    assert "unexpected: RuntimeError" in told.out
    lines = [n for n in told.out.splitlines() if not n.startswith("::add-mask::")]
    assert NEEDLE not in "\n".join(lines) + told.err
    # The runner obeys again only once everything is said.
    assert lines[-1].strip(":") in lines[0]
    assert os.environ["GITHUB_SHA"] == "a" * 40
