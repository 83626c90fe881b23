"""What a person sees while it runs."""

from __future__ import annotations

import pytest

from karst.cli.output import PlainProgress, TerminalProgress, open_progress
from karst.secret import Secret

SECRET = (Secret("s3cret"),)


def test_lines_for_logs(capsys: pytest.CaptureFixture[str]) -> None:
    progress = open_progress(SECRET, interactive=False, verbose=True)
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
    progress = open_progress(SECRET, interactive=True, verbose=False)
    assert isinstance(progress, TerminalProgress)
    progress.step("build [red]web[/red]")
    progress.line("[/nothing] s3cret")
    progress.step("next")
    progress.close()
    shown = capsys.readouterr().err
    assert "build [red]web[/red]" in shown
    assert "s3cret" not in shown
