"""What the top of the program makes of command lines that are wrong, and of failures."""

from __future__ import annotations

import pytest

from karst.cli.deploying import _applied
from karst.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "last_line"),
    [
        (["frobnicate"], "Error: No such command 'frobnicate'."),
        (["deploy", "--fil", "x"], "Error: No such option: --fil"),
        (["inspect"], "Error: Missing argument 'path'."),
        (["plan", "one", "two"], "Error: Got unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_a_sentence_and_64(
    arguments: list[str], last_line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1].casefold().startswith(last_line.casefold())
    assert "Traceback" not in told.err


def test_a_number_that_is_none_is_a_wrong_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["logs", "--tail", "many"]) == 64
    told = capsys.readouterr().err
    assert "Invalid value for '--tail'" in told
    assert "Traceback" not in told


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 64
    told = capsys.readouterr().err
    assert told.startswith("Usage: karst [OPTIONS] COMMAND [ARGS]...")
    assert "Traceback" not in told


@pytest.mark.parametrize("arguments", [["--help"], ["deploy", "--help"]])
def test_help_is_no_failure(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: karst ")


def test_version_is_told_without_loading_anything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "karst 0.1.0\n"


def test_what_was_put_back_is_not_told_as_changed_alone() -> None:
    counts = {"add": 0, "change": 1, "remove": 0, "keep": 2}
    plain = "Applied: 0 added, 1 changed, 0 removed, 2 kept."
    assert _applied(counts, ()) == plain
    assert _applied(counts, ("api",)) == f"{plain} Put back to the former release: api."


def test_no_summary_is_cut_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "  deploy " in shown
    assert "..." not in shown.replace("[ARGS]...", "")
    assert "…" not in shown
