"""karst's image, a fake GitLab, and a project at it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import local_runner
import pytest
from gitlab_project import BOT, JOB, JOB_TOKEN, PATH, TOKEN, GitLabProject
from machine.__main__ import this_machine
from machine.action_image import write_folder
from machine.base_image import present_base

from tests.fakes.described import gitlab_faults
from tests.fakes.desk import Desk
from tests.fakes.gitlab import FakeGitLab
from tests.images import present_action_image
from tests.networks import free_subnet


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("action") / "karstkit"
    write_folder(this_machine(), folder)
    return present_action_image(folder)


@pytest.fixture(scope="session")
def helper() -> str:
    base = present_base(this_machine())
    assert base
    return local_runner.build_helper(base)


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with FakeGitLab(
        tokens={TOKEN: BOT, JOB_TOKEN: JOB}, job_tokens={JOB_TOKEN}
    ) as found:
        yield found
    assert (found.violations, found.crashes) == ([], [])
    assert gitlab_faults(found.seen_documents) == []


@pytest.fixture
def project(
    gitlab: FakeGitLab, image: str, helper: str, tmp_path: Path
) -> Iterator[GitLabProject]:
    """A private project whose main has no repos.yaml yet."""
    tag = uuid.uuid4().hex[:6]
    gitlab.add(PATH, tmp_path / "forge", private=True)
    made = GitLabProject(
        Desk(gitlab, PATH),
        tmp_path,
        name=f"g{tag}",
        network=f"karsttest-{tag}",
        subnet=free_subnet(),
        image=image,
        helper=helper,
    )
    made.desk.git.commit({"README.md": "shop"})
    yield made
    if (made.desk.git.folder / "repos.yaml").exists():
        made.destroy()
