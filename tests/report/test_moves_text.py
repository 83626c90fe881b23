"""What has moved on, as a terminal and as programs read it, and what a reviewer must see."""

from __future__ import annotations

from karst.fetch.remote import Comparison
from karst.report.alerts import find_alerts
from karst.report.model import Alert, MovedSlug, PlanReport
from karst.report.moves_text import moves_document, render_moves

URL = "https://github.example/acme/web/compare/1...2"
WEB = MovedSlug(
    "web", "gh:acme/web#main", "1" * 40, "2" * 40, Comparison(URL, 3, behind=0)
)
API = MovedSlug("api", "gl:acme/api", "3" * 40, "4" * 40, Comparison(URL, 1, behind=2))
LOCAL = MovedSlug("job", "file:./job#main", "5" * 40, "6" * 40)


def test_a_line_each() -> None:
    assert render_moves([WEB, API, LOCAL], ["a note"]) == (
        "! security: api is pinned to 333333333333, which is no part of gl:acme/api\n"
        "MOVED ON  SLUG              LOCKED        NOW\n"
        f"web       gh:acme/web#main  111111111111  222222222222  3 commits, {URL}\n"
        f"api       gl:acme/api       333333333333  444444444444  1 commit, {URL}\n"
        "job       file:./job#main   555555555555  666666666666\n"
        "The lock holds them where they are; `karst lock --upgrade` moves it on.\n"
        "note: a note"
    )


def test_nothing_to_say() -> None:
    assert render_moves([]) == ""
    assert render_moves([], ["only this"]) == "note: only this"


def test_programs_get_whole_ids() -> None:
    assert moves_document([API, LOCAL]) == [
        {
            "service": "api",
            "slug": "gl:acme/api",
            "locked": "3" * 40,
            "newest": "4" * 40,
            "ahead": 1,
            "stray": True,
            "url": URL,
        },
        {
            "service": "job",
            "slug": "file:./job#main",
            "locked": "5" * 40,
            "newest": "6" * 40,
            "ahead": None,
            "stray": False,
            "url": None,
        },
    ]


def test_a_stray_commit_is_a_warning() -> None:
    text = "is pinned to a commit that is no part of"
    assert find_alerts(PlanReport("shop", moved=(WEB, API, LOCAL))) == (
        Alert("security", ("api",), text, ("gl:acme/api",)),
    )
