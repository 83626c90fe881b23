"""The note as GitLab gets it: the comment's text, and nothing in it that GitLab obeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import report_samples as samples
from test_hostile_text import EVERY, LINES, swap

from karst.report import PlanReport, render_comment_body
from karst.report.sealed import CommentHeader, seal

JOB = "https://gitlab.com/acme/shop/-/jobs/4711"


def test_a_note(golden: Callable[[str, str], None]) -> None:
    """Alerts (GitLab 17.10), a table, folded parts, a diagram; the headers are hidden."""
    body = render_comment_body(samples.PLAN, room=61_000, details_url=JOB)
    golden("gitlab-note.md", seal(body, CommentHeader("shop", samples.PLAN.target)))


def plain_lines(markdown: str) -> Iterator[str]:
    """The lines outside of fenced code, where GitLab looks for quick actions."""
    fence = ""
    for line in markdown.splitlines():
        mark = line.lstrip()
        ticks = mark[: len(mark) - len(mark.lstrip("`"))]
        if len(ticks) >= 3 and not fence:
            fence = ticks
        elif fence and ticks == mark and len(ticks) >= len(fence):
            fence = ""
        elif not fence:
            yield line


@pytest.mark.parametrize("text", ["/close", "\n/merge\n", EVERY, LINES])
def test_no_line_is_a_quick_action(text: str) -> None:
    """It would be done with the rights of the token that writes the note."""
    report: PlanReport = swap(samples.PLAN, text)
    body = render_comment_body(report, room=61_000, details_url=JOB)
    assert [line for line in plain_lines(body) if line.lstrip().startswith("/")] == []
    assert list(plain_lines("a\n```\n/close\n```\n/close")) == ["a", "/close"]
