"""What the pages say is what the program does, as far as a program can tell."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pages import samples
from pages.blocks import refresh, table

from karst.cli.app import app
from karst.config.parse import parse_stack
from karst.errors import KarstError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.S | re.M)


def _named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """The anchors a forge makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.M):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(kept.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for target, anchor in _LINK.findall(page.read_text()):
        place = (page.parent / target).resolve() if target else page
        if not place.exists():
            dead.append(target)
        elif anchor and place.suffix == ".md" and anchor not in _anchors(place):
            dead.append(f"{target}#{anchor}")
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_repos_yaml_shown_is_one(page: Path) -> None:
    for text in _YAML.findall(page.read_text()):
        parse_stack(text, source=_named(page), default_name="shop")


def test_every_command_has_its_help_on_the_page() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    names = {
        info.callback.__name__ for info in app.registered_commands if info.callback
    }
    assert names
    assert set(re.findall(r"generated: command (\w+)", text)) == names


def test_every_part_of_the_schema_has_its_table_on_the_page() -> None:
    text = (ROOT / "docs/repos-yaml.md").read_text()
    schema = json.loads((ROOT / "docs/repos.schema.json").read_text())
    assert set(re.findall(r"generated: keys (\w+)", text)) == set(schema["$defs"])
    assert set(re.findall(r"generated: faults (\w+)", text)) == set(samples.FAULTS)


def test_every_promise_of_the_seed_has_its_row() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/parity.md").read_text(), re.M)
    assert [int(row) for row in rows] == list(range(1, 24))


def test_every_exit_code_is_on_its_page() -> None:
    text = (ROOT / "docs/errors.md").read_text()
    pending, missing = [KarstError], []
    while pending:
        kinds = pending.pop().__subclasses__()
        pending += kinds
        missing += [
            k
            for k in kinds
            if k.__module__ == "karst.errors"
            and f"| {k.exit_code} | `{k.__name__}` |" not in text
        ]
    assert missing == []


def test_a_block_is_filled_and_what_is_around_it_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n<!-- generated: shout word -->\nold\n<!-- end of generated -->\nAfter.\n"
    )
    expected = (
        "Before.\n<!-- generated: shout word -->\n\nWORD\n\n"
        "<!-- end of generated -->\nAfter.\n"
    )
    assert refresh(page, {"shout": str.upper}) == expected
    page.write_text(expected)
    assert refresh(page, {"shout": str.upper}) == expected


def test_a_page_without_a_block_is_a_mistake(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="has no generated block"):
        refresh(page, {})


def test_bars_in_a_cell_do_not_end_it() -> None:
    assert table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |\n"
