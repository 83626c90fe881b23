"""What a step says to GitHub's runner, and that nobody else's text is a command."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import TextIO

import pytest

from karst.cli import step_files
from karst.cli.step_files import ARTIFACT_BYTES
from karst.cli.step_github import SUMMARY_BYTES, GitHubJob
from karst.errors import ConfigError
from karst.secret import Secret

CANARY = Secret("canary-7f3a")


@pytest.fixture
def job(tmp_path: Path) -> GitHubJob:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    files = {
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    return GitHubJob(files, workspace, workspace / ".karst" / "artifacts")


def heeded(text: str) -> list[str]:
    """The lines that a runner obeys: it stops at the token, and starts again at it."""
    found, stop = [], ""
    for line in text.splitlines():
        if stop:
            stop = "" if line == f"::{stop}::" else stop
        elif line.startswith("::stop-commands::"):
            stop = line.removeprefix("::stop-commands::")
        elif line.startswith("::") or "##[" in line:
            found.append(line)
    return found


def test_only_the_jobs_own_commands_are_obeyed(
    job: GitHubJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job.open()
    hostile = "x\n::add-mask::a\n::set-output name=healthy::true\n##[error]y"
    job.say(hostile)
    job.line(hostile)
    job.step(hostile)
    job.notice("error", hostile, where=hostile)
    job.close()
    told = heeded(capsys.readouterr().out)
    names = [line.split("::")[1].split(" ")[0] for line in told]
    assert names == ["group", "endgroup", "error"]
    assert not any("\n" in line for line in told)


def test_a_forged_end_of_the_pause_is_not_known(
    job: GitHubJob, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token is drawn anew for every run, and is in nobody's hands."""
    job.open()
    GitHubJob({}, job.workspace, job.folder).open()
    first, second = capsys.readouterr().out.splitlines()
    assert first != second
    assert len(first.removeprefix("::stop-commands::")) == 32


def test_secrets_are_masked_line_by_line_and_left_out_of_every_text(
    job: GitHubJob, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    job.open()
    pem = Secret("-----BEGIN X-----\nfirst-line%\nsecond-line\n-----END X-----\n")
    job.mask((CANARY, pem, Secret("abc")))
    text = capsys.readouterr().out
    assert heeded(text) == [
        "::add-mask::canary-7f3a",
        "::add-mask::first-line%25",
        "::add-mask::second-line",
    ]
    text = f"the value is {CANARY.reveal()}, abc"
    job.say(text)
    job.line(text)
    job.step(text)
    job.notice("warning", text)
    job.summary(text)
    job.output("summary", text)
    path = job.artifact("plan.json", text)
    out = capsys.readouterr().out
    out += (tmp_path / "output").read_text() + (tmp_path / "summary").read_text()
    out += (job.workspace / path).read_text()
    assert "canary-7f3a" not in out
    assert out.count("[REDACTED], abc") == 7


def test_whatever_a_secret_is_yes_and_no_stay_what_they_are(
    job: GitHubJob, tmp_path: Path
) -> None:
    job.mask((Secret("true"),))
    job.output("healthy", "true")
    job.output("comment-url", "https://true.example")
    text = (tmp_path / "output").read_text()
    assert "\ntrue\n" in text
    assert "https://[REDACTED].example" in text


def test_nothing_in_a_log_line_is_drawn_like_karsts_own(
    job: GitHubJob, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runner would write %0A in a title as a line's end; GitHub's page draws
    "##[error]" like an error, and obeys terminal codes."""
    job.open()
    for tell in (job.line, job.say):
        tell("a ##[error]b\x1b[8mhidden\x1b[0m\u202egnihton\x9b31m")
    job.step("fetching gh:acme/web#x%0A##[error]forged")
    text = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "##[" not in text
    assert "x%250A# #[error]forged" in text


def test_an_annotation_stands_on_the_line_of_a_file_of_the_workspace(
    job: GitHubJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job.open()
    (job.workspace / "repos.yaml").write_text("x")
    (job.workspace.parent / "outside.yaml").write_text("x")
    job.notice("error", "wrong", where="repos.yaml:7 services[0].port")
    job.notice("error", "wrong", where="127.0.0.1:9999 is down")
    job.notice("error", "wrong", where="../outside.yaml:1")
    first, second, third = heeded(capsys.readouterr().out)
    assert first == "::error file=repos.yaml,line=7,title=KarstKit::wrong"
    assert second == "::error title=KarstKit::127.0.0.1:9999 is down: wrong"
    assert third == "::error title=KarstKit::../outside.yaml:1: wrong"


def test_an_output_can_not_end_itself(job: GitHubJob, tmp_path: Path) -> None:
    job.output("changes", "a\nEOF\nhealthy=true")
    lines = (tmp_path / "output").read_text().splitlines()
    name, mark = lines[0].split("<<")
    assert (name, lines[1:]) == ("changes", ["a", "EOF", "healthy=true", mark])
    assert len(mark) > 30


def test_a_summary_stays_below_the_limit_with_what_was_there(
    job: GitHubJob, tmp_path: Path
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("x" * 900_000)
    job.summary("an ä of text\n" * 100_000)
    job.summary("more\n" * 10)
    assert summary.stat().st_size <= SUMMARY_BYTES
    assert "What follows is cut" in summary.read_text()


def test_an_artifact_is_bounded_and_in_its_folder(job: GitHubJob) -> None:
    path = job.artifact("shop/plan.json", "line\n" * 4_000_000)
    assert path == ".karst/artifacts/shop/plan.json"
    assert (job.workspace / path).stat().st_size <= ARTIFACT_BYTES


@pytest.mark.parametrize(
    "link", [".karst", ".karst/artifacts", ".karst/artifacts/shop"]
)
def test_an_artifact_does_not_follow_a_link_out(
    job: GitHubJob, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = job.workspace / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside)
    with pytest.raises(ConfigError, match="leads elsewhere"):
        job.artifact("shop/plan.json", "x")
    assert list(outside.iterdir()) == []


def test_commands_of_several_threads_are_all_obeyed_and_lines_are_not(
    job: GitHubJob, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services are fetched and built side by side, and each says so."""

    def slowly(text: str, stream: TextIO) -> None:
        print(text, file=stream)
        time.sleep(0.0005)  # so that another thread comes next

    monkeypatch.setattr(step_files, "write_on", slowly)
    job.open()

    def tell(number: int) -> None:
        for _ in range(20):
            job.notice("notice", f"note {number}")
            job.line("::add-mask::a")

    threads = [threading.Thread(target=tell, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = heeded(capsys.readouterr().out)
    assert len(told) == 120
    assert {line.split(" ")[0] for line in told} == {"::notice"}


def test_what_goes_while_the_workspace_is_handed_over_is_no_fault(
    job: GitHubJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that was given up clears up after itself."""
    draft = job.workspace / ".karst" / "cache" / "draft"
    draft.mkdir(parents=True)
    (draft / "file").touch()
    (job.workspace / ".karst" / "kept").touch()
    if os.geteuid() == 0:
        os.chown(job.workspace, 1234, 1234)
    given = []

    def chown(path: Path, *_: int, **__: object) -> None:
        shutil.rmtree(draft, ignore_errors=True)
        path.lstat()
        given.append(path.name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    job.hand_over()
    assert {".karst", "cache", "kept"} <= set(given)
