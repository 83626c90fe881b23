"""A GitLab job's log and files: sections that are its own, and nothing secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karst.cli.step_gitlab import DOTENV, GitLabJob
from karst.errors import ConfigError
from karst.report.log_text import LogPart
from karst.secret import Secret

# As GitLab's page on job logs has it, with what follows the name.
SECTION = re.compile(
    "\x1b\\[0Ksection_(start|end):\\d+:([\\w.-]+)(?:\\[[^\\]]*\\])?\r\x1b\\[0K"
)


@pytest.fixture
def job(tmp_path: Path) -> GitLabJob:
    return GitLabJob({}, tmp_path, tmp_path / ".karst/artifacts")


def sections(text: str) -> list[tuple[str, str]]:
    return SECTION.findall(text)


def test_every_section_ends_before_the_next_begins(
    job: GitLabJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job.open()
    job.step("building web")
    job.line("web: built")
    job.step("terraform apply")
    job.log([LogPart("plan", "Plan", "+ web"), LogPart("health", "Health", "ok")])
    job.close()
    found = sections(capsys.readouterr().out)
    assert [name for kind, name in found if kind == "start"] == [
        *("karst_1", "karst_2", "plan", "health")
    ]
    starts, ends = found[::2], found[1::2]
    assert [("end", name) for _, name in starts] == ends


def test_what_is_told_can_neither_end_a_section_nor_begin_one(
    job: GitLabJob, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[0Ksection_end:1:karst_1\r\x1b[0Ksection_start:1:evil\r\x1b[0K"
    job.step("building web")
    job.line(evil)
    job.notice("error", evil, where=evil)
    job.say(evil)
    job.log([LogPart("plan", evil, evil)])
    job.close()
    assert sections(capsys.readouterr().out) == [
        (kind, name) for name in ("karst_1", "plan") for kind in ("start", "end")
    ]


def test_outputs_are_variables_for_later_jobs(job: GitLabJob) -> None:
    job.output("changes", "true")
    job.output("comment-url", "https://gitlab.com/acme/shop#note_1")
    job.output("services-json", "x" * 501)
    job.output("summary", "two\nlines")
    assert (job.folder / DOTENV).read_text() == (
        "KARST_CHANGES=true\nKARST_COMMENT_URL=https://gitlab.com/acme/shop#note_1\n"
    )


def test_secrets_are_in_no_log_and_no_file(
    job: GitLabJob, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-5f1c9a77d2"
    job.mask((Secret(canary),))
    job.step(f"fetching {canary}")
    job.line(canary)
    job.say(canary)
    job.notice("warning", canary, where=canary)
    job.log([LogPart("plan", canary, canary)])
    job.output("summary", canary)
    job.artifact("shop/summary.md", canary)
    job.close()
    written = [p.read_text() for p in job.folder.rglob("*") if p.is_file()]
    assert len(written) == 2
    assert canary not in "".join([capsys.readouterr().out, *written])


@pytest.mark.parametrize("link", [".karst", ".karst/artifacts"])
def test_outputs_do_not_follow_a_link_out(
    job: GitLabJob, tmp_path: Path, link: str
) -> None:
    outside = tmp_path.parent / f"outside-{tmp_path.name}"
    outside.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(outside)
    with pytest.raises(ConfigError, match="leads elsewhere"):
        job.output("changes", "true")
    assert list(outside.rglob("*.env")) == []


def test_variables_that_a_repository_commits_are_not_handed_on(job: GitLabJob) -> None:
    """The job may fail before it has any outputs, and leaves its artifacts all the same."""
    job.folder.mkdir(parents=True)
    (job.folder / DOTENV).write_text("PATH=/evil\n")
    job.open()
    assert not (job.folder / DOTENV).exists()
    job.open()
