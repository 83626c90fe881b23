"""One end in time for everything that is fetched."""

from __future__ import annotations

import pytest

from karst.errors import FetchError
from karst.fetch.deadline import Deadline


def test_it_counts_down_and_can_be_cut_short() -> None:
    deadline = Deadline(60)
    assert 0 < deadline.check("x") <= 60
    deadline.stop.set()
    assert deadline.remaining() == 0
    with pytest.raises(FetchError, match="x: fetching was ended before its end"):
        deadline.check("x")


def test_its_end_is_a_sentence_with_a_remedy() -> None:
    with pytest.raises(FetchError, match="x: fetching took longer than 0 s") as caught:
        Deadline(0).check("x")
    assert "KARST_FETCH_SECONDS" in caught.value.remedy
