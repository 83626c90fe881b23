"""`karst lock` as far as it goes without an engine, and where fetched files are kept."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from karst.cli.main import run
from karst.cli.places import fetched_folder, forge_secrets
from karst.cli.programs import terraform_program
from karst.config.settings import read_settings
from karst.config.slug import parse_slug
from karst.context.run_context import RunContext
from karst.effects.process import Processes
from karst.errors import ConfigError, ToolMissingError
from karst.fetch.lock import LockEntry, RepoLock
from karst.fetch.lock_file import write_lock

WEB = LockEntry(
    "web",
    parse_slug("gh:acme/web#main"),
    commit="1" * 40,
    tree="2" * 40,
    entrypoint="python3 -m web",
    resolved="2026-11-23T02:55:50Z",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repos.yaml").write_text("[gh:acme/web#main, file:./loose]\n")


def test_a_lock_that_answers_needs_no_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_lock(Path("repos.lock"), RepoLock((WEB,)))
    assert run(["lock", "--check"]) == 0
    assert capsys.readouterr().out == "repos.lock answers for repos.yaml: 1 pinned.\n"
    assert run(["lock", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lock": "repos.lock", "pinned": 1}


def test_a_stale_lock_has_an_exit_code_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["lock", "--check"]) == 28
    assert capsys.readouterr().err == (
        "karst: repos.lock: there is no lock\n"
        "  -> run `karst lock` and commit what it writes\n"
    )
    write_lock(Path("repos.lock"), RepoLock((replace(WEB, path="x"),)))
    assert run(["lock", "--check"]) == 28
    assert (
        "'web' is gh:acme/web#main now, and was gh:acme/web#main, path x"
        in capsys.readouterr().err
    )


def test_another_list_has_another_lock(capsys: pytest.CaptureFixture[str]) -> None:
    Path("staging.yaml").write_text("[gh:acme/web#main]\n")
    write_lock(Path("repos.lock"), RepoLock((WEB,)))
    assert run(["lock", "--check", "-f", "staging.yaml"]) == 28
    write_lock(Path("staging.lock"), RepoLock((WEB,)))
    assert run(["lock", "--check", "-f", "staging.yaml"]) == 0


def test_a_broken_lock_stops_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    Path("repos.lock").write_text("<<<<<<< HEAD\nversion: 1\n")
    assert run(["lock", "--check"]) == 27
    assert "repos.lock:1: there is a merge conflict in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--check", "--upgrade"], "--check changes nothing, so it takes no --upgrade"),
        (["--check", "web"], "--check changes nothing, so it takes no --upgrade"),
        (["web"], "names are for --upgrade\n  -> say `karst lock --upgrade web`"),
    ],
)
def test_what_makes_no_sense(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lock", *words]) == 64
    assert told in capsys.readouterr().err


def test_where_fetched_files_are_kept(tmp_path: Path) -> None:
    plain = read_settings({})
    pipeline = RunContext("github", tmp_path)
    assert fetched_folder(plain, {"HOME": "/h"}, tmp_path) == Path(
        "/h/.cache/karstkit/fetched"
    )
    assert fetched_folder(plain, {"XDG_CACHE_HOME": "/x"}, tmp_path) == Path(
        "/x/karstkit/fetched"
    )
    assert fetched_folder(plain, {}, tmp_path, pipeline) == tmp_path / ".karst/cache"
    given = read_settings({"KARST_CACHE_DIR": "kept"})
    assert fetched_folder(given, {}, tmp_path, pipeline) == tmp_path / "kept"
    absolute = read_settings({"KARST_CACHE_DIR": "/kept"})
    assert fetched_folder(absolute, {}, tmp_path) == Path("/kept")


def test_a_workspace_can_not_lead_the_cache_elsewhere(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".karst").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="a link or a file"):
        fetched_folder(read_settings({}), {}, work, RunContext("github", work))


def test_tokens_are_secrets() -> None:
    settings = read_settings({"GITHUB_TOKEN": "t0ken", "GH_HOST": "git.example.org"})
    assert [secret.reveal() for secret in forge_secrets(settings)] == ["t0ken"]


def test_a_terraform_that_is_not_there_is_the_setting_s_fault() -> None:
    settings = read_settings({"KARST_TERRAFORM": "/nope"})
    with pytest.raises(ToolMissingError) as caught:
        terraform_program(settings, Processes(os.environ))
    assert str(caught.value) == (
        "KARST_TERRAFORM: there is no program '/nope'\n"
        "  -> correct the path, or unset it: then terraform or tofu on PATH is used"
    )
