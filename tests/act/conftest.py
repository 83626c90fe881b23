"""The action's image, the runner's image, a fake GitHub, and a repository at it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import act_runner
import pytest
from calling import BOT, FORK_TOKEN, READER, REPOSITORY, TOKEN, Calling
from machine.__main__ import this_machine
from machine.action_image import write_folder
from machine.base_image import present_base

from tests.fakes.desk import Desk, Shelves
from tests.fakes.github import FakeGitHub
from tests.images import present_action_image
from tests.networks import free_subnet


@pytest.fixture(scope="session")
def action_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The action's folder as a branch has it: with its Dockerfile."""
    folder = tmp_path_factory.mktemp("action") / "karstkit"
    write_folder(this_machine(), folder)
    return folder


@pytest.fixture(scope="session")
def action(action_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The action's folder as a release has it: it names a ready image."""
    image = present_action_image(action_source)
    folder = tmp_path_factory.mktemp("released")
    text = (action_source / "action.yml").read_text()
    (folder / "action.yml").write_text(
        text.replace("image: Dockerfile", f"image: docker://{image}")
    )
    return folder


@pytest.fixture(scope="session")
def runner() -> str:
    base = present_base(this_machine())
    assert base
    return act_runner.build_runner(base)


@pytest.fixture
def forge() -> Iterator[FakeGitHub]:
    with FakeGitHub(tokens={TOKEN: BOT, FORK_TOKEN: READER}) as found:
        found.memory(Shelves).readers.add(READER.login)
        yield found
    assert found.violations == []


@pytest.fixture
def calling(
    forge: FakeGitHub, action: Path, runner: str, tmp_path: Path
) -> Iterator[Calling]:
    """A repository whose main has the workflow and no repos.yaml yet."""
    tag = uuid.uuid4().hex[:6]
    forge.add(REPOSITORY, tmp_path / "forge")
    made = Calling(
        Desk(forge, REPOSITORY),
        tmp_path,
        name=f"a{tag}",
        network=f"karsttest-{tag}",
        subnet=free_subnet(),
        action=action,
        runner=runner,
    )
    made.desk.git.commit({"README.md": "shop"})
    yield made
    if (made.desk.git.folder / "repos.yaml").exists():
        made.destroy()
