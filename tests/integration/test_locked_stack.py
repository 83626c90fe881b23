"""A stack of a forge's repository and a local commit: locked, moved on, upgraded."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sample_apps import echo

from tests.fakes.github import FakeGitHub, User
from tests.fakes.repositories import GitRepository

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOKEN = "ghp_canary5f1e70c4a9d8canary"


@dataclass
class Locked:
    """A stack of three services, and where two of them come from."""

    stack: LiveStack
    forge: FakeGitHub
    web: GitRepository
    tools: GitRepository

    def lock_file(self) -> dict[str, Any]:
        text = (self.stack.folder / "repos.lock").read_text()
        services: dict[str, Any] = yaml.safe_load(text)["services"]
        return services

    def asked(self) -> int:
        """How many requests the forge has seen since the last call."""
        count = len(self.forge.seen)
        self.forge.seen.clear()
        return count


@pytest.fixture(scope="module")
def locked(
    make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Locked]:
    stack = make_stack()
    hosted = tmp_path_factory.mktemp("hosted")
    with FakeGitHub(tokens={TOKEN: User("ada")}) as forge:
        web = forge.add("acme/web", hosted / "web", private=True)
        web.commit({"main.py": echo("web 1")})
        tools = GitRepository.create(stack.folder / "tools")
        tools.commit({"jobs/main.py": echo("tools 1"), "README": "more\n"})
        loose = stack.app("loose", echo("loose"))
        stack.environ |= {
            "GITHUB_API_URL": forge.api,
            "GH_TOKEN": TOKEN,
            "KARST_CACHE_DIR": str(stack.folder / "fetched"),
        }
        stack.write(
            [
                {"slug": "gh:acme/web", "health": {"http": "/"}},
                {"slug": "file:./tools#main", "path": "jobs", "health": {"http": "/"}},
                {"slug": loose, "health": {"http": "/"}},
            ]
        )
        yield Locked(stack, forge, web, tools)
    assert forge.violations == []


def actions(plan: dict[str, Any]) -> dict[str, str]:
    return {s["service"]: s["action"] for s in plan["services"]}


def key_of(stack: LiveStack, service: str) -> str:
    labels = stack.container("app", service)["Config"]["Labels"]
    return str(labels["karst.content-key"])


def test_a_locked_stack_stands_still_until_it_is_upgraded(locked: Locked) -> None:
    stack = locked.stack
    unlocked = stack.run("lock", "--check")
    assert unlocked.returncode == 28
    assert "repos.lock: there is no lock" in unlocked.stderr
    assert locked.asked() == 0

    said = stack.ok("lock")
    assert "not pinned: loose (file:./loose): files of the workspace" in said
    first = locked.web.resolve("main")
    pinned = locked.lock_file()
    assert sorted(pinned) == ["tools", "web"]
    assert pinned["web"]["commit"] == first
    assert pinned["web"]["tree"] == locked.web.resolve("main", "tree")
    # The tree of the whole commit, whatever folder the service is in.
    assert pinned["tools"]["tree"] == locked.tools.resolve("main", "tree")
    stack.ok("lock", "--check")

    stack.ok("deploy")
    assert stack.json("plan")["changes"] is False
    assert stack.json("plan")["moved"] == []

    before = key_of(stack, "web")
    second = locked.web.commit({"main.py": echo("web 2")})
    locked.web.commit({"README": "later\n"})
    third = locked.web.resolve("main")
    locked.tools.commit({"jobs/main.py": echo("tools 2")})
    plan = stack.json("plan")
    assert plan["changes"] is False
    assert plan["notes"] == []
    moved = {m["service"]: m for m in plan["moved"]}
    assert sorted(moved) == ["tools", "web"]
    assert (moved["web"]["locked"], moved["web"]["newest"]) == (first, third)
    assert moved["web"]["ahead"] == 2
    assert second not in json.dumps(plan)
    assert "acme/web" in moved["web"]["url"]
    assert moved["tools"]["url"] is None
    text = stack.ok("plan")
    assert text.startswith("No changes: ")
    assert f"{str(first)[:12]}  {str(third)[:12]}  2 commits, http" in text
    # A branch that moved makes no lock stale.
    stack.ok("lock", "--check")

    said = stack.ok("lock", "--upgrade", "web")
    assert f"{str(first)[:12]} -> {str(third)[:12]}" in said
    again = locked.lock_file()
    assert again["web"]["commit"] == third
    assert again["tools"] == pinned["tools"]
    plan = stack.json("plan")
    assert actions(plan) == {"web": "change", "tools": "keep", "loose": "keep"}
    assert [m["service"] for m in plan["moved"]] == ["tools"]
    stack.ok("deploy")
    assert stack.json("plan")["changes"] is False
    assert key_of(stack, "web") != before


def test_a_forge_that_is_out_of_reach_stops_no_plan(locked: Locked) -> None:
    stack = locked.stack
    stack.ok("lock")
    shut = {"GITHUB_API_URL": "http://127.0.0.1:9/api/v3"}
    told = stack.json("plan", **shut)
    assert told["changes"] is False
    (note,) = told["notes"]
    assert note.startswith("whether gh:acme/web moved on can't be told: ")

    locked.asked()
    offline = stack.json("plan", KARST_OFFLINE="true")
    assert offline["changes"] is False
    assert offline["notes"] == []
    assert locked.asked() == 0


def test_a_limit_is_a_note(locked: Locked) -> None:
    stack = locked.stack
    stack.ok("lock")
    fault = locked.forge.fail(403, path="/acme/web", times=50)
    try:
        told = stack.json("plan")
    finally:
        locked.forge.faults.remove(fault)
    assert told["changes"] is False
    assert len(told["notes"]) == 1


def test_an_offline_plan_without_a_pin_is_a_sentence(locked: Locked) -> None:
    stack = locked.stack
    lock = stack.folder / "repos.lock"
    kept = lock.read_text()
    lock.unlink()
    try:
        outcome = stack.run("plan", KARST_OFFLINE="true")
    finally:
        lock.write_text(kept)
    assert outcome.returncode == 12
    assert "service 'web', gh:acme/web: nothing says which commit this is" in (
        outcome.stderr
    )


def test_a_lock_that_names_another_tree_is_refused(locked: Locked) -> None:
    stack = locked.stack
    lock = stack.folder / "repos.lock"
    kept = lock.read_text()
    tree = locked.lock_file()["web"]["tree"]
    lock.write_text(kept.replace(tree, "0" * 40))
    try:
        outcome = stack.run("plan", KARST_CACHE_DIR=str(stack.folder / "fresh"))
    finally:
        lock.write_text(kept)
    assert outcome.returncode == 27
    assert "service 'web'" in outcome.stderr
    assert "0000000" in outcome.stderr


def test_the_token_is_nowhere(locked: Locked) -> None:
    stack = locked.stack
    outcome = stack.run("plan", "--verbose")
    assert TOKEN not in outcome.stdout + outcome.stderr
    found = subprocess.run(
        ["grep", "-rlF", TOKEN, str(stack.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_inspect_asks_the_forge(locked: Locked, tmp_path: Path) -> None:
    found = locked.stack.json("inspect", "gh:acme/web#main")
    assert "main.py" in json.dumps(found)
    gone = locked.stack.run("inspect", "gh:acme/nothing")
    assert gone.returncode == 12
    assert "gh:acme/nothing" in gone.stderr


def test_a_base_that_is_not_here_builds_nothing_else(locked: Locked) -> None:
    stack = locked.stack
    stack.ok("deploy")
    before = [c["Id"] for c in stack.containers()]
    lock = stack.folder / "repos.lock"
    kept = lock.read_text()
    pinned = locked.lock_file()["web"]["base"]
    # Where a registry gave a digest, the engine's own id counts for nothing.
    lock.write_text(
        kept.replace(pinned.get("id", ""), "sha256:" + "0" * 64)
        if "id" in pinned
        else kept.replace(f'digest: "{pinned["digest"]}"', f'id: "sha256:{"0" * 64}"')
    )
    try:
        plan = stack.json("plan")
        outcome = stack.run("apply")
    finally:
        lock.write_text(kept)
    assert actions(plan)["web"] == "change"
    assert any("web can't be built here" in note for note in plan["notes"])
    assert outcome.returncode == 14
    assert "and sha256:000000000000 is wanted" in outcome.stderr
    assert [c["Id"] for c in stack.containers()] == before
    assert stack.json("plan")["changes"] is False
