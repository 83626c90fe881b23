"""What somebody meets in the first hour: faults told with a way out of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors  # noqa: F401  (its first import is not what is tried here)
import pytest

from karst.cli import deploying
from karst.cli.deploying import _destroyed, _lacking
from karst.cli.main import run
from karst.cli.starting import _no_engine
from karst.config.slug import Slug
from karst.config.spec import ServiceSpec, StackSpec
from karst.effects.engine import telling
from karst.errors import EngineError
from karst.pipeline.destroying import DestroyOutcome
from karst.secret import Secret


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_without_permission_is_a_sentence_and_10(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("repos.yaml")
    file.write_text("[file:./web]\n")
    read = Path.read_text

    def refused(path: Path, *words: Any, **named: Any) -> str:
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path, *words, **named)

    # Root may read everything, so the system's two answers are made here.
    monkeypatch.setattr(Path, "read_text", refused)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert run(["plan"]) == 10
    assert capsys.readouterr().err == (
        "karst: repos.yaml: the file can't be read (Permission denied)\n"
        "  -> check its permissions and those of the folders above it\n"
    )


def test_a_folder_as_the_file_is_told_what_to_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("here").mkdir()
    assert run(["plan", "-f", "here"]) == 10
    assert "-> name the file in it with --file" in capsys.readouterr().err


def test_a_file_of_other_bytes_is_told_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("repos.yaml").write_bytes(b"name: caf\xe9\n")
    assert run(["plan"]) == 10
    assert capsys.readouterr().err == (
        "karst: repos.yaml: the file can't be read (byte 10 is no UTF-8)\n"
        "  -> save the file as UTF-8\n"
    )


def test_a_check_takes_no_upgrade(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lock", "--check", "--upgrade"]) == 64
    assert "  -> say `karst lock --check`" in capsys.readouterr().err


def test_fewer_lines_than_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "-n", "-5"]) == 64
    assert "Invalid value for '--tail'" in capsys.readouterr().err


def test_doctor_tells_why_no_engine_answers_and_not_to_ask_doctor() -> None:
    with (
        pytest.raises(EngineError) as told,
        telling("reaching the engine at unix:///nowhere"),
    ):
        raise OSError(errno.ENOENT, "No such file or directory")
    assert told.value.remedy.endswith("; `karst doctor` tells more")
    finding = _no_engine(told.value)
    assert "No such file or directory" in finding.found
    assert finding.remedy.endswith("DOCKER_HOST or target.docker_host")


def test_a_destroy_of_nothing_says_so() -> None:
    nothing = DestroyOutcome(0, (), keeper_removed=True, found=False)
    told = "There is no stack 'typo' here: nothing was removed."
    assert _destroyed("typo", nothing) == told
    one = DestroyOutcome(1, (), keeper_removed=True)
    assert _destroyed("shop", one) == "Destroyed 'shop': 1 container removed."


@pytest.mark.parametrize("watched", [True, False])
def test_a_plan_on_a_terminal_names_secrets_without_a_value(
    watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = ServiceSpec("web", Slug("file", "./web"), secrets=("DATABASE_URL", "KEY"))
    planned: Any = SimpleNamespace(spec=StackSpec("shop", (web,)))
    bench: Any = SimpleNamespace(
        environ={}, tools=SimpleNamespace(secret_values={"KEY": Secret("x")})
    )
    monkeypatch.setattr(
        deploying,
        "read_local_context",
        lambda *_: SimpleNamespace(is_interactive=watched),
    )
    told = "! DATABASE_URL (service web) has no value here; an apply will need it"
    assert _lacking(bench, planned) == ([told] if watched else [])
