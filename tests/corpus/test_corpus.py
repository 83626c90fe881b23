"""Every shape of repository in the corpus is answered as it is written down."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from answers import SHAPES, answer_of

from karst.inspection import applications, natures

NAMES = sorted(path.name for path in SHAPES.iterdir())


def test_the_corpus_is_whole() -> None:
    assert len(NAMES) >= 40
    stories = [json.loads((SHAPES / n / "about.json").read_text()) for n in NAMES]
    assert all(about["story"] for about in stories)
    assert sum("run" in about for about in stories) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_a_shape(name: str) -> None:
    expected = json.loads((SHAPES / name / "expected.json").read_text())
    assert answer_of(SHAPES / name / "tree") == expected


def test_the_full_order_is_worth_it() -> None:
    """Most shapes are here because the literal order gets them wrong."""
    documents = [json.loads((SHAPES / n / "expected.json").read_text()) for n in NAMES]
    same = [
        d for d in documents if d.get("command", d.get("refused")) == d["conventional"]
    ]
    assert len(same) < len(documents) / 2


@pytest.mark.parametrize("name", NAMES)
def test_where_the_tree_lies_is_no_part_of_the_answer(
    name: str, tmp_path: Path
) -> None:
    copy = tmp_path / "venv" / "tests" / name
    shutil.copytree(SHAPES / name / "tree", copy)
    assert answer_of(copy) == answer_of(SHAPES / name / "tree")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_parsed_would_change_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answer_of(SHAPES / name / "tree")
    monkeypatch.setattr(applications, "_may_make", lambda *_: True)
    monkeypatch.setattr(natures, "_may_serve", lambda *_: True)
    assert answer_of(SHAPES / name / "tree") == found
