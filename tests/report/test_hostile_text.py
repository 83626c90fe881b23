"""Texts of repositories have no meaning in any document, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import report_samples as samples
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from karst.report import (
    PlanReport,
    render_comment_body,
    render_junit,
    render_plan_summary,
    render_run_summary,
)
from karst.report.escaping import clean, code, code_block, link, mermaid_label, table
from karst.report.github import defuse, render_annotation, render_group, render_groups
from karst.report.gitlab import render_section, render_sections
from karst.report.log_text import run_log

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
FRAGMENTS = (
    *("`", "``", "```", "|", "\\|", "\\", "\n", "\r\n", "@acme", "#12", "!12", "GH-1"),
    *("www.acme.example", "https://acme.example", "a@acme.example", ":smile:", "$x$"),
    *("<b>", "</details>", "<!--", "-->", "<script>", "&lt;", "&#64;", "![x](y)", "**"),
    *("[x](y)", "> ", "- ", "# ", "\t", "    ", "~~~", "---", "| --- |", "</code>"),
    *("\x1b[31m", "\x1b[0Ksection_end:1:x\r", "::error::", "##[error]", "\x00", "\x85"),
    *(
        "\u202e",
        "\u200b",
        "\ud800",
        "\ufffe",
        "\U000e0041",
        "]]>",
        "%0A",
        "/close",
        "é",
    ),
    *('"', "'", "end", "graph", ";", "]", "karst:receipt", "{", "}", "x" * 500),
)
HOSTILE = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(max_size=6), min_size=1, max_size=8
).map("".join)
# What a random search may miss is tried each time.
EVERY = "".join(FRAGMENTS)
LINES = "\n".join(FRAGMENTS)
OURS = {"action", "how", "state", "expected", "mode", "kind", "text", "actions"}
KEPT = {*OURS, "compare", "stages", "certificates_end", "certificate_ends", "address"}


def swap(value: Any, text: str, field: str = "") -> Any:
    """The same report with every foreign text replaced; names stay different."""
    if field in KEPT:
        return value
    if isinstance(value, str):
        number = re.sub(r"\D", "", value)[-6:]
        return f"{text}{number}{len(value)}" if value else value
    if isinstance(value, tuple):
        return tuple(swap(each, text) for each in value)
    if isinstance(value, dict):
        return {swap(k, text): swap(v, text) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: swap(getattr(value, f.name), text, f.name) for f in fields(value)
        }
        return replace(value, **changed)
    return value


def skeleton(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """Everything a parser sees, the insides of code left out."""
    for token in tokens:
        if token.type in ("code_inline", "fence"):
            yield token.type, token.info
        elif token.children is not None:
            yield from skeleton(token.children)
        else:
            yield token.type, token.content + str(token.attrs)


def documents(plan: PlanReport, text: str) -> Iterator[str]:
    yield render_comment_body(swap(plan, text), room=10_000_000)
    yield render_plan_summary(swap(plan, text))
    for run in (samples.ROLLED_BACK, samples.E2E_WRONG, samples.BROKEN):
        yield render_run_summary(swap(run, text))
    yield render_run_summary(swap(samples.DESTROYED, text))


PLAIN = list(documents(samples.PLAN, "x"))


@given(HOSTILE)
@example(EVERY)
@example(LINES)
@settings(max_examples=80)
def test_a_text_changes_nothing_but_the_inside_of_code(text: str) -> None:
    assume(clean(text[:7]))  # a commit is cut to seven signs
    for plain, hostile in zip(PLAIN, documents(samples.PLAN, text), strict=True):
        expected = list(skeleton(PARSER.parse(plain)))
        assert list(skeleton(PARSER.parse(hostile))) == expected


@given(HOSTILE, HOSTILE)
@example(EVERY, LINES)
def test_a_cell_reads_back(one: str, two: str) -> None:
    """What a parser finds in the code span is the text, without anything unseen."""
    tokens = PARSER.parse(table(("a", "b"), [(code(one), code(two))]))
    found = [t for t in tokens if t.type == "inline"][2:]
    assert len(found) == 2
    for cell, text in zip(found, (one, two), strict=True):
        shown = "".join(t.content for t in cell.children or [] if t.content)
        assert shown == clean(text)


@given(st.lists(HOSTILE, min_size=1, max_size=5))
@example(list(FRAGMENTS))
def test_a_code_block_is_one_block(lines: list[str]) -> None:
    tokens = PARSER.parse(f"{code_block(lines, limit=100_000)}\n\nafter")
    kinds = [t.type for t in tokens]
    assert kinds == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert len(tokens[0].content.splitlines()) == len(lines)


@given(HOSTILE)
@example(EVERY)
@example(LINES)
@example("\thttps://acme.example")
@example("https://me:secret@acme.example")
def test_a_link_goes_where_it_says_or_is_none(text: str) -> None:
    for url in (text, f"https://github.com/{text}", f"javascript://a/{text}"):
        tokens = PARSER.parse(f"| a |\n| --- |\n| {link('4 commits', url)} |")
        inline = [t for t in tokens if t.type == "inline"][1]
        kinds = [t.type for t in inline.children or []]
        assert kinds in (["text"], ["link_open", "text", "link_close"])
        shown = [t for t in inline.children or [] if t.type == "text"]
        assert shown[0].content == "4 commits"
        opened = [t for t in inline.children or [] if t.type == "link_open"]
        targets = [str(t.attrs["href"]) for t in opened]
        assert all(re.match(r"https?://[^@/]", target) for target in targets)


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_a_mermaid_label_stays_within_its_quotes(text: str) -> None:
    assert re.fullmatch(r"(?:[^\W_]|[ /-]|#\d+;)*", mermaid_label(text))


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_junit_is_xml_whatever_was_said(text: str) -> None:
    root = ET.fromstring(render_junit(swap(samples.E2E_WRONG, text)))  # noqa: S314
    assert root.attrib["failures"] == "4"


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_an_annotation_is_one_command(text: str) -> None:
    said = render_annotation("error", text, file=f"f{text}", line=3, title=text)
    assert not set(said) & {"\n", "\r", "\x1b", "\x00"}
    assert said.startswith("::error ")
    properties = said.removeprefix("::error ").partition("::")[0]
    allowed = {"file", "line", "title"}
    assert {p.partition("=")[0] for p in properties.split(",")} <= allowed


def test_an_annotation_whole() -> None:
    said = render_annotation(
        "error",
        "unknown key,\n100 % wrong",
        file="repos.yaml",
        line=7,
        title="exit 10: bad, key",
    )
    assert said == (
        "::error file=repos.yaml,line=7,title=exit 10%3A bad%2C key"
        "::unknown key,%0A100 %25 wrong"
    )
    assert render_annotation("notice", "well") == "::notice::well"


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_a_group_holds_no_command(text: str) -> None:
    lines = render_group("title", text).splitlines()
    inside = lines[1:-1]
    assert lines[0] == "::group::title"
    assert lines[-1] == "::endgroup::"
    assert not any(line.lstrip().startswith("::") for line in inside)
    assert "##[" not in defuse(text)


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_a_jobs_log_holds_no_command(text: str) -> None:
    for run in (samples.ROLLED_BACK, samples.E2E_WRONG, samples.BROKEN):
        parts = run_log(swap(run, text))
        lines = render_groups(parts).splitlines()
        commands = [line for line in lines if line.lstrip().startswith("::")]
        assert len(commands) == 2 * sum(part.folded for part in parts)
        said = render_sections(parts, began=1, ended=2)
        assert said.count("\x1b") == 4 * len(parts)


@given(HOSTILE)
@example(EVERY)
@example(LINES)
def test_a_section_ends_where_it_ends(text: str) -> None:
    said = render_section(text, text, text, began=1, ended=5)
    assert said.count("\x1b[0K") == 4
    assert said.count("\x1b") == 4
    key = re.search(r"section_start:1:([A-Za-z0-9_.-]+)\[collapsed=true\]", said)
    assert key
    assert said.endswith(f"\x1b[0Ksection_end:5:{key[1]}\r\x1b[0K\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("", ""),
        ("\x1b[31mred\x1b[0m", "`red`"),
        ("a\nb\tc", "`a b c`"),
        ("right\u202eleft", "`right\ufffdleft`"),
    ],
)
def test_code_spans(text: str, shown: str) -> None:
    assert code(text) == shown
