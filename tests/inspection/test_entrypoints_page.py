"""docs/entrypoints.md names what the code knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.inspection.declared import DECLARED
from karst.inspection.servers import SERVERS

PAGE = (Path(__file__).parents[2] / "docs/entrypoints.md").read_text()
WORDS = " ".join(PAGE.split())


def test_the_sources_stand_there_in_their_order() -> None:
    places = [PAGE.index(f"| {source.__doc__} |") for source in DECLARED]
    assert places == sorted(places)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_named(server: str) -> None:
    assert server in WORDS
