"""A session on a real Terraform, without the engine."""

from __future__ import annotations

import json
import os
import stat
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from karst.config.spec import StateSpec
from karst.effects.process import Processes
from karst.errors import StateLockedError, TerraformError, ToolMissingError
from karst.terraform import NetworkVariables, Session, Stack

pytestmark = pytest.mark.processes
# The module's shape without its provider: what a session does is the same.
MODULE = """
variable "stack" {}
variable "network" {}
variable "services" {}
variable "edges" {}
variable "doors" {}
resource "terraform_data" "edges" {
  for_each = var.edges
  input    = each.value
}
variable "applied_commit" { default = "" }
resource "terraform_data" "applied" {
  count = var.applied_commit == "" ? 0 : 1
  input = var.applied_commit
}
output "applied_commit" { value = one(terraform_data.applied[*].output) }
output "edges" { value = { for k, v in terraform_data.edges : k => v.output } }
"""
NETWORK = NetworkVariables("n", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/26")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    module = tmp_path / "infra"
    module.mkdir()
    (module / "main.tf").write_text(MODULE)
    return Session(
        processes=Processes(dict(os.environ)),
        program="terraform",
        folder=tmp_path / ".karst/s",
        module=module,
        state=StateSpec(),
        cli_config=Path(os.devnull),
        docker_host=None,
    )


def stack(**edges: tuple[str, ...]) -> Stack:
    return Stack("s", NETWORK, {}, edges)


def apply(session: Session, wanted: Stack) -> None:
    session.prepare()
    session.apply(session.plan(wanted, session.applied()).path)


def test_what_was_applied_comes_back_and_the_next_plan_is_empty(
    session: Session,
) -> None:
    apply(session, stack(web=("api",)))
    assert session.applied().edges == {"web": ("api",)}
    assert session.plan(stack(web=("api",)), session.applied()).empty


def test_a_part_of_a_plan_leaves_the_rest_for_later(session: Session) -> None:
    apply(session, stack(web=("api",), old=()))
    wanted = stack(web=("api", "db"), new=("web",))
    only = ['terraform_data.edges["new"]']
    whole = session.plan(wanted, session.applied())
    part = session.plan_part(wanted, only)
    assert part.changes == {only[0]: "create"}
    assert not part.beyond(whole)
    session.apply(part.path)
    assert session.applied().edges == {"new": ("web",), "old": (), "web": ("api",)}
    apply(session, wanted)
    assert session.applied().edges == {"new": ("web",), "web": ("api", "db")}


def test_a_commit_is_written_down_beside_everything_else(session: Session) -> None:
    """A plan passes on what is stored: it stays empty, at whichever commit."""
    wanted = stack(web=("api",))
    apply(session, wanted)
    assert session.applied().commit == ""
    session.record(wanted, "c1")
    assert session.applied().commit == "c1"
    kept = replace(wanted, commit="c1")
    assert session.plan(kept, session.applied()).empty
    session.record(kept, "c2")
    assert (session.applied().commit, session.applied().edges) == ("c2", wanted.edges)


def test_a_commit_that_is_known_is_not_written_again(session: Session) -> None:
    wanted = replace(stack(web=()), commit="c1")
    apply(session, wanted)
    before = (session.folder / "stack.tfstate").stat().st_mtime_ns
    session.record(wanted, "c1")
    assert (session.folder / "stack.tfstate").stat().st_mtime_ns == before


def test_a_commit_is_not_written_down_beside_a_drift(session: Session) -> None:
    apply(session, stack(web=("api",)))
    session.record(stack(web=("api", "db")), "c1")
    # Only its own value is in that plan: what else differs is left for the next.
    assert session.applied().edges == {"web": ("api",)}
    assert session.applied().commit == "c1"


def test_every_change_of_the_state_has_a_number(session: Session) -> None:
    session.prepare()
    assert session.serial() is None
    apply(session, stack(web=("api",)))
    first = session.serial()
    session.plan(stack(web=("db",)), session.applied())
    assert (first, session.serial()) == (first, first)
    apply(session, stack(web=("db",)))
    assert (session.serial() or 0) > (first or 0) > 0


def test_a_changed_module_keeps_the_state(session: Session) -> None:
    """`init -reconfigure` on a local backend empties it (Terraform 1.11)."""
    apply(session, stack(web=("api",)))
    (session.module / "more.tf").write_text('output "more" { value = 1 }\n')
    session.prepare()
    assert session.applied().edges == {"web": ("api",)}


def test_everything_is_private(session: Session) -> None:
    apply(session, stack(web=()))
    assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700


def test_a_locked_state_is_a_sentence(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karst.terraform.arguments.LOCK_TIMEOUT", "-lock-timeout=0s")
    apply(session, stack(web=()))
    lock = session.folder / ".stack.tfstate.lock.info"
    lock.write_text(json.dumps({"ID": "x", "Who": "ann@build", "Operation": "apply"}))
    import fcntl

    with (session.folder / "stack.tfstate").open("r+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        with pytest.raises(StateLockedError):
            session.plan(stack(web=("api",)), session.applied())


def test_a_failed_init_is_tried_again(session: Session) -> None:
    apply(session, stack(web=("api",)))
    with pytest.raises(ToolMissingError):
        replace(session, program="/nope/terraform").prepare()
    session.prepare()
    assert session.applied().edges == {"web": ("api",)}


def test_a_folder_may_move(session: Session, tmp_path: Path) -> None:
    apply(session, stack(web=("api",)))
    moved = tmp_path / "elsewhere"
    session.folder.parent.rename(moved)
    there = replace(session, folder=moved / "s")
    there.prepare()
    assert there.applied().edges == {"web": ("api",)}


def test_another_backend_is_a_sentence(session: Session) -> None:
    apply(session, stack(web=("api",)))
    other = replace(session, state=StateSpec("local", {"path": "other.tfstate"}))
    with pytest.raises(TerraformError, match="names another backend"):
        other.prepare()
    session.prepare()
    assert session.applied().edges == {"web": ("api",)}


@pytest.mark.parametrize("left", ["", '{"version": 4, "lin'])
def test_a_state_that_was_torn_by_a_kill_is_put_back(
    session: Session, left: str
) -> None:
    apply(session, stack(web=("api",)))
    apply(session, stack(web=("api", "db")))
    (session.folder / "stack.tfstate").write_text(left)
    session.prepare()
    # As it was before the apply that was killed.
    assert session.applied().edges == {"web": ("api",)}


class Elsewhere:
    """A state kept elsewhere, as it was before what is under way."""

    def __init__(self, kept: bytes) -> None:
        self.kept = kept

    def alone(self, tell: object) -> AbstractContextManager[None]:
        del tell
        return nullcontext()

    def fetch(self) -> bytes:
        return self.kept

    def keep(self, content: bytes) -> None:
        self.kept = content


@pytest.mark.parametrize("backend", ["local", "target"])
def test_a_look_beside_another_run_leaves_it_its_state(
    session: Session, backend: str
) -> None:
    """Terraform writes into the file that it has opened, whatever has its name by then."""
    apply(session, stack(web=("api",)))
    apply(session, stack(web=("api", "db")))
    state = session.folder / "stack.tfstate"
    if backend == "target":
        kept = Elsewhere(state.read_bytes())
        session = replace(session, state=StateSpec("target"), keeper=kept)
    with session.alone(), state.open("r+") as terraform:
        whole = terraform.read()
        terraform.truncate(0)
        with session.reading():
            pass
        terraform.seek(0)
        terraform.write(whole.replace('"db"', '"search"'))
        terraform.flush()
        with session.reading():
            assert session.applied().edges == {"web": ("api", "search")}


def test_a_look_prepares_a_folder_where_nobody_works(
    session: Session, tmp_path: Path
) -> None:
    apply(session, stack(web=("api",)))
    state = (session.folder / "stack.tfstate").read_bytes()
    folder = tmp_path / "other/s"
    other = replace(
        session, folder=folder, state=StateSpec("target"), keeper=Elsewhere(state)
    )
    with other.reading():
        assert other.applied().edges == {"web": ("api",)}


def test_a_part_is_held_to_the_whole_plan(session: Session) -> None:
    apply(session, stack(web=("api",), old=()))
    reviewed = session.plan(stack(web=("db",), old=()), session.applied())
    web, old, new = (f'terraform_data.edges["{n}"]' for n in ("web", "old", "new"))
    part = session.plan_part(stack(web=("db",), new=()))
    assert part.changes == {web: "update", old: "delete", new: "create"}
    assert part.beyond(reviewed) == (f"{new} (create)", f"{old} (delete)")


def test_a_part_that_can_not_be_planned_is_a_sentence(session: Session) -> None:
    session.prepare()
    (session.folder / "broken.tf").write_text('output "x" { value = var.nobody }')
    with pytest.raises(TerraformError, match="terraform plan failed") as caught:
        session.plan_part(stack())
    assert "Reference to undeclared input variable" in caught.value.detail
    assert "@level" not in caught.value.detail


def test_a_run_that_waits_for_another_says_so(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karst.terraform.session._PATIENCE", 1.5)
    told: list[str] = []
    with session.alone(told.append):
        assert told == []
        with (
            pytest.raises(StateLockedError, match="another karst works on this stack"),
            session.alone(told.append),
        ):
            pass
    assert told == ["waiting for another karst on this stack"]


def test_a_run_that_is_held_up_while_it_waits_says_so_as_well(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its patience ends before its second look."""
    now = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[-1], sleep=lambda _: now.append(3600.0)
    )
    told: list[str] = []
    with session.alone():
        monkeypatch.setattr("karst.effects.workspace.time", clock)
        with pytest.raises(StateLockedError), session.alone(told.append):
            pass
    assert told == ["waiting for another karst on this stack"]
