"""`state: {backend: gitlab}`: a real Terraform and GitLab's states over real HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_session import MODULE, apply, stack

from karst.config.spec import StateSpec
from karst.effects.process import Processes
from karst.errors import StateLockedError, TerraformError
from karst.forges.states import resolve_state
from karst.terraform import Session
from tests.fakes.gitlab import FakeGitLab, User
from tests.fakes.gitlab.states import State, States

pytestmark = pytest.mark.processes

JOB_TOKEN = "job-canary0123456789canary"
JOB = User("gitlab-ci-token", 9, "Bot")


@dataclass(frozen=True)
class Hosted:
    """A GitLab with one project, and sessions of jobs in it."""

    forge: FakeGitLab
    folder: Path

    @property
    def state(self) -> State:
        return self.forge.memory(States).of[1, "shop"]

    def session(self, name: str, token: str = JOB_TOKEN) -> Session:
        """A job's session in a folder of its own; nothing stays from job to job."""
        environ = {
            "CI_API_V4_URL": self.forge.api,
            "CI_PROJECT_ID": "1",
            "CI_JOB_TOKEN": token,
        }
        module = self.folder / "infra"
        module.mkdir(exist_ok=True)
        (module / "main.tf").write_text(MODULE)
        state, credentials = resolve_state(StateSpec("gitlab"), "shop", environ)
        return Session(
            processes=Processes({**os.environ, **credentials}),
            program="terraform",
            folder=self.folder / name / ".karst/shop",
            module=module,
            state=state,
            cli_config=Path(os.devnull),
            docker_host=None,
        )


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    with FakeGitLab(tokens={JOB_TOKEN: JOB}, job_tokens={JOB_TOKEN}) as forge:
        forge.add("acme/shop", tmp_path / "shop", private=True)
        yield Hosted(forge, tmp_path)
    assert (forge.violations, forge.crashes) == ([], [])


def test_the_next_job_goes_on_where_the_last_one_was(hosted: Hosted) -> None:
    apply(hosted.session("one"), stack(web=("api",)))
    # A Terraform that is held up for 20 s keeps what it has so far as a version, too.
    first = max(hosted.state.versions)
    second = hosted.session("two")
    second.prepare()
    assert second.applied().edges == {"web": ("api",)}
    assert second.plan(stack(web=("api",)), second.applied()).empty
    apply(second, stack(web=("db",)))
    assert hosted.state.lock == ""
    # GitLab keeps every version, each with its number.
    last = max(hosted.state.versions)
    assert last > first
    kept = [json.loads(hosted.state.versions[s])["outputs"] for s in (first, last)]
    assert [outputs["edges"]["value"] for outputs in kept] == [
        {"web": ["api"]},
        {"web": ["db"]},
    ]


def test_no_file_holds_the_token(hosted: Hosted) -> None:
    apply(hosted.session("one"), stack(web=("api",)))
    written = [p for p in (hosted.folder / "one").rglob("*") if p.is_file()]
    assert written
    assert [p for p in written if JOB_TOKEN.encode() in p.read_bytes()] == []


def test_another_job_s_lock_is_a_sentence(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karst.terraform.arguments.LOCK_TIMEOUT", "-lock-timeout=0s")
    apply(hosted.session("one"), stack(web=("api",)))
    before = dict(hosted.state.versions)
    hosted.state.lock = json.dumps(
        {
            "ID": "0c9e5a3e-0000-4000-8000-000000000000",
            "Operation": "OperationTypeApply",
            "Info": "",
            "Who": "ann@runner-7",
            "Version": "1.11.4",
            "Created": "2026-01-02T03:04:05Z",
            "Path": "",
        }
    )
    second = hosted.session("two")
    second.prepare()
    with pytest.raises(StateLockedError) as caught:
        second.plan(stack(web=("db",)), second.applied())
    # Terraform tells nobody who holds it: it shows itself instead.
    assert caught.value.what == "the state is locked"
    assert "force-unlock 0c9e5a3e-0000-4000-8000-000000000000" in caught.value.remedy
    assert hosted.state.versions == before


def test_a_token_that_may_not_is_an_error_without_the_token(hosted: Hosted) -> None:
    stranger = hosted.session("one", token="stranger-canary-0123456789")
    with pytest.raises(TerraformError) as caught:
        apply(stranger, stack(web=("api",)))
    assert "requires auth" in str(caught.value)
    assert "canary" not in str(caught.value)
