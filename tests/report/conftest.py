"""Expected documents, written out whole beside the tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "golden"
Golden = Callable[[str, str], None]


@pytest.fixture
def golden() -> Golden:
    """Compare a text with golden/NAME; KARST_WRITE_GOLDEN=1 writes it anew instead."""

    def compare(name: str, text: str) -> None:
        path = FOLDER / name
        if os.environ.get("KARST_WRITE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()

    return compare
