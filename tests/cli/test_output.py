"""What a person sees while it runs."""

from __future__ import annotations

import pytest

from karst.cli import output
from karst.cli.main import _told
from karst.cli.output import PlainProgress, TerminalProgress, open_progress
from karst.errors import KarstError
from karst.secret import Secret

SECRET = (Secret("s3cret"),)


def test_lines_for_logs(capsys: pytest.CaptureFixture[str]) -> None:
    progress = open_progress(SECRET, interactive=False, level="DEBUG")
    progress.step("deploying s3cret")
    progress.line("value s3cret")
    shown = capsys.readouterr().err
    assert shown.splitlines()[0].endswith("s] deploying [REDACTED]")
    assert shown.splitlines()[1].strip() == "value [REDACTED]"


def test_without_verbose_only_steps(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.line("detail")
    progress.close()
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_text_with_brackets_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = open_progress(SECRET, interactive=True, level="INFO")
    assert isinstance(progress, TerminalProgress)
    progress.step("build [red]web[/red]")
    progress.line("[/nothing] s3cret")
    progress.step("next")
    progress.close()
    shown = capsys.readouterr().err
    assert "build [red]web[/red]" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("interactive", [True, False])
@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("DEBUG", ["build", "detail"]),
        ("INFO", ["build"]),
        ("WARNING", []),
        ("CRITICAL", []),
    ],
)
def test_a_level_says_how_much_is_told(
    level: str,
    told: list[str],
    interactive: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = open_progress((), interactive=interactive, level=level)
    progress.step("build")
    progress.line("detail")
    progress.close()
    # A terminal's bar is written over: what stays begins a line of its own.
    lines = [line.split()[-1] for line in capsys.readouterr().err.split("\n") if line]
    assert [word for word in lines if word in ("build", "detail")] == told


_HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m \x9b5n\x08\x1b[6n\ttab"


@pytest.mark.parametrize("told", ["say", "stream", "step", "line", "error"])
def test_others_text_sends_the_terminal_nothing(
    told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An app's log, a build's output, an engine's words: none of them may steer it."""
    if told == "error":
        _told(KarstError("it failed", detail=f"first\n{_HOSTILE}"))
    elif told in ("say", "stream"):
        getattr(output, told)(f"first\n{_HOSTILE}")
    else:
        getattr(PlainProgress(verbose=True), told)(f"first\n{_HOSTILE}")
    shown = "".join(capsys.readouterr())
    assert shown.count("\n") >= 2
    assert "red" in shown
    assert "tab" in shown
    assert not [c for c in shown if c != "\n" and not c.isprintable()]
