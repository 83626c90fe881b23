"""What a request itself changes: read from where it began, at a GitHub over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from karst.cli import step_base
from karst.cli.step import _too_late
from karst.cli.step_base import base_reader, read_base
from karst.cli.step_github import GitHubJob
from karst.cli.step_opening import Opening, read_opening, read_surroundings
from karst.config.inputs import read_inputs
from karst.context.run_context import RunContext
from karst.effects.process import Processes
from karst.errors import ConfigError, PublishError
from karst.pipeline.step_task import Task
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User

pytestmark = pytest.mark.processes

TOKEN = "ghs_canary0123456789canary"
ADA = User("ada", 2)


def repos(**values: str) -> dict[str, str]:
    lines = [
        f"- {{slug: 'gh:acme/{n}', name: {n}, env: {{V: '{v}'}}}}"
        for n, v in values.items()
    ]
    return {"repos.yaml": "\n".join(lines) + "\n"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with FakeGitHub(tokens={TOKEN: User("github-actions[bot]", 9, "Bot")}) as forge:
        forge.add("acme/shop", tmp_path / "shop").commit(repos(web="1", api="1"))
        yield Desk(forge, "acme/shop")
    assert forge.violations == []


def opened(
    desk: Desk, tmp_path: Path, task: Task, checked_out: str, **facts: Any
) -> Opening:
    """Open a step that has `checked_out` (a ref) in its workspace."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    text = desk.git.git("show", f"{checked_out}:repos.yaml")
    (workspace / "repos.yaml").write_text(text)
    context = RunContext(
        kind="github",
        workspace=workspace,
        repository="acme/shop",
        commit=desk.git.resolve(checked_out),
        branch="main",
        default_branch="main",
        request=1,
        **facts,
    )
    environ = {
        "GITHUB_API_URL": desk.forge.api,
        "INPUT_GITHUB-TOKEN": TOKEN,
        "INPUT_RECEIPT-KEY": "k" * 32,
        "PATH": "",
        "HOME": str(tmp_path),
    }
    inputs = read_inputs(environ)
    around = read_surroundings(context, inputs, environ, tmp_path / "scratch")
    return read_opening(
        task, context, around, GitHubJob({}, workspace, workspace / ".karst")
    )


def own(opening: Opening) -> set[str]:
    """The services that the receipt will say the request changes itself."""
    occasion = opening.reviewing.occasion
    assert occasion
    names = [s.name for s in opening.spec.services]
    return {n for n in names if occasion.changes(opening.spec, n)}


def trial(desk: Desk, number: int) -> str:
    """GitHub's trial merge of a request; returns its commit."""
    desk.git.git("switch", "-q", "--detach", "main")
    desk.git.git(
        "merge", "-q", "--no-ff", "-X", "theirs", "-m", "trial", desk.head(number)
    )
    found = desk.git.resolve("HEAD") or ""
    desk.git.git("update-ref", f"refs/pull/{number}/merge", found)
    desk.git.switch("main")
    return found


def test_what_was_merged_meanwhile_is_not_the_request_s_own(
    desk: Desk, tmp_path: Path
) -> None:
    """The event names the base as it was; the trial merge is made with a newer one."""
    then = desk.git.resolve("main")
    number = desk.open("change", repos(web="2", api="1") | {"x": "x"}, author=ADA)
    desk.git.commit(repos(web="1", api="1", new="1"))
    now = desk.git.resolve("main")
    commit = trial(desk, number)
    merged = repos(web="2", api="1", new="1")["repos.yaml"]
    found = opened(
        desk,
        tmp_path,
        Task("plan", ""),
        commit,
        event="request",
        base_commit=then,
        head_commit=desk.head(number),
    )
    assert desk.git.git("show", f"{commit}:repos.yaml") + "\n" == merged
    assert own(found) == {"web"}
    assert found.context.base_commit == now
    occasion = found.reviewing.occasion
    assert occasion
    assert (occasion.head, occasion.base) == (desk.head(number), now)


def test_a_plan_that_was_asked_for_begins_where_the_request_did(
    desk: Desk, tmp_path: Path
) -> None:
    """It has the request's files alone, without what was merged since."""
    number = desk.open("change", repos(web="2", api="1"), author=ADA)
    desk.git.commit(repos(web="1", api="3"))
    found = opened(
        desk,
        tmp_path,
        Task("plan", "", asked=True),
        desk.head(number),
        event="request",
        base_commit=desk.git.resolve("main"),
        head_commit=desk.head(number),
    )
    assert own(found) == {"web"}


def test_a_queue_s_receipt_is_for_the_request_s_own_commit(
    desk: Desk, tmp_path: Path
) -> None:
    number = desk.open("change", repos(web="2", api="1"), author=ADA)
    base = desk.git.resolve("main")
    commit = trial(desk, number)
    found = opened(
        desk,
        tmp_path,
        Task("plan", ""),
        commit,
        event="queue",
        base_commit=base,
        head_commit=commit,
    )
    assert found.reviewing.request
    assert found.reviewing.request.head == desk.head(number) != commit
    assert own(found) == {"web"}


def test_a_forge_that_does_not_tell_leaves_the_event_s_base(
    desk: Desk, tmp_path: Path
) -> None:
    number = desk.open("change", repos(web="2", api="1"), author=ADA)
    refused = desk.forge.error(403)
    desk.forge.fail(path="/compare/", times=9, change=lambda _: refused)
    found = opened(
        desk,
        tmp_path,
        Task("plan", ""),
        trial(desk, number),
        event="request",
        base_commit=desk.git.resolve("main"),
        head_commit=desk.head(number),
    )
    assert own(found) == {"web"}


@pytest.mark.parametrize("asks_forge", [True, False])
def test_the_end_of_the_steps_time_is_no_file_that_cant_be_read(
    asks_forge: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the step would go on, and nothing would end it any more."""

    def hang(*_: object) -> NoReturn:
        raise _too_late(60)

    def refuse(*_: object) -> NoReturn:
        raise PublishError("the forge refuses")

    monkeypatch.setattr(step_base, "read_committed", hang)
    publisher: Any = SimpleNamespace(read_file=hang if asks_forge else refuse)
    read = base_reader(publisher, tmp_path, Processes({}))
    context: Any = SimpleNamespace(base_commit="abc")
    inputs: Any = SimpleNamespace(file="repos.yaml")
    settings: Any = None
    with pytest.raises(ConfigError, match="took longer than"):
        read_base(read, inputs, context, settings)
