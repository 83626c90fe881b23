"""A plan that a stranger's run has left: what is taken, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from karst.errors import ConfigError
from karst.fetch.remote import Comparison
from karst.pipeline.step_posting import (
    FILE,
    UNVERIFIED,
    parse_posted,
    read_posted,
    write_posted,
)
from karst.report import render_comment_body
from karst.report.model import Alert, PlanReport, ServiceLine
from karst.terraform import ResourceChange

REPORT = PlanReport(
    stack="shop",
    target="ssh://deploy@one.example",
    label="eu",
    services=(
        ServiceLine(
            service="web",
            action="change",
            how="release",
            slug="gh:acme/web",
            old_commit="a" * 40,
            new_commit="b" * 40,
            compare=Comparison("https://github.com/acme/web/compare", 3),
            ports=("8000/http",),
            opened=("api",),
        ),
    ),
    resources=(ResourceChange("docker_container.app", "app", "web@1", ("create",)),),
    alerts=(Alert("note", (), "all is well"),),
    notes=("a note",),
    mesh={"web": ("api",)},
)


def document(**more: Any) -> bytes:
    return json.dumps(json.loads(write_posted(REPORT)) | more).encode()


def test_it_comes_back_without_what_would_be_told_as_karsts_own_words() -> None:
    found = parse_posted(write_posted(REPORT).encode(), where=Path("x"))
    (line,) = found.services
    assert line.new_commit == "b" * 40
    assert line.compare is None
    assert found.alerts == ()
    assert found.notes == (UNVERIFIED,)
    assert found.resources == REPORT.resources
    assert found.mesh == {"web": ("api",)}


def line(**more: Any) -> bytes:
    base = json.loads(write_posted(REPORT))["services"][0]
    return document(services=[base | more])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        document(version=2),
        document(alerts=[{"kind": "note", "subjects": [], "text": "click here"}]),
        document(notes=["words of mine"]),
        document(moved=[]),
        document(services={}),
        document(stack=5),
        document(stack="x" * 2000),
        document(services=[{"service": "web"}]),
        document(services=[{"service": "web", "action": "explode"}]),
        document(services=json.loads(document())["services"] * 501),
        document(mesh={str(i): [] for i in range(501)}),
        document(mesh={"web": "api"}),
        line(image="x" * 2000),
        line(opened=["x"] * 501),
        line(opened="api"),
        line(why=None),
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigError, match="is not taken"):
        parse_posted(raw, where=Path("x"))


PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table"])


def html(markdown: str) -> list[str]:
    """What a parser passes on as it is; code is no part of that."""
    blocks = PARSER.parse(markdown)
    tokens = [*blocks, *(t for block in blocks for t in block.children or ())]
    return [t.content for t in tokens if t.type in ("html_block", "html_inline")]


@settings(max_examples=40)
@given(st.text(max_size=200))
@example("<!-- karst:receipt none -->")
@example("`<!--")
def test_no_text_of_it_gets_out_of_its_place(text: str) -> None:
    raw = line(slug=text, image=text, service=text, why=text)
    body = render_comment_body(parse_posted(raw, where=Path("x")), room=60_000)
    assert [part for part in html(body) if "<!--" in part] == []
    assert "<br>" in html(body)
    assert len(body) <= 60_000


def test_links_and_long_files_are_not_read(tmp_path: Path) -> None:
    folder, outside = tmp_path / "artifacts", tmp_path / "outside"
    (folder / "shop").mkdir(parents=True)
    outside.mkdir()
    (outside / FILE).write_bytes(document())
    (folder / "linked").symlink_to(outside)
    assert read_posted(folder) == ()
    (folder / "shop" / FILE).symlink_to(outside / FILE)
    with pytest.raises(ConfigError, match="can't be read"):
        read_posted(folder)
    (folder / "shop" / FILE).unlink()
    (folder / "shop" / FILE).write_bytes(document(stack="x") + b" " * 600_000)
    with pytest.raises(ConfigError, match="longer than"):
        read_posted(folder)


def test_a_run_that_left_nothing_and_one_that_left_too_much(tmp_path: Path) -> None:
    assert read_posted(tmp_path / "nothing") == ()
    for number in range(21):
        folder = tmp_path / f"stack{number}"
        folder.mkdir()
        (folder / FILE).write_bytes(document())
    with pytest.raises(ConfigError, match="more than 20"):
        read_posted(tmp_path)
