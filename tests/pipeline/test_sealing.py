"""An app starts after its sidecar has said that their namespace is sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.errors import EngineError
from karst.pipeline.releasing import SEALED, start_all

STARTED = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=9)
RELEASE: Any = SimpleNamespace(
    service="api", container="shop-api", sidecar="shop-api-sidecar", kind="service"
)


class Engine:
    """A sidecar that runs for the second time, and lines by when they were said."""

    def __init__(self, lines: dict[datetime, str], ended: str) -> None:
        self.lines, self.ended, self.started = lines, ended, list[str]()

    def container(self, name: str) -> Any:
        runs = name.endswith("sidecar")
        return SimpleNamespace(
            running=runs,
            started_at=_written(STARTED) if runs else "",
            finished_at=self.ended if runs else "",
            exit_code=0,
        )

    def logs(self, _: str, *, since: datetime | None) -> Iterator[str]:
        yield from (t for at, t in self.lines.items() if since is None or at >= since)

    def start(self, name: str) -> None:
        self.started.append(name)


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _start(engine: Engine) -> None:
    tools: Any = MagicMock()
    tools.engine = engine
    tools.clock.monotonic.side_effect = range(0, 1000, 10)
    start_all(tools, [RELEASE])


@pytest.mark.parametrize("ended", ["", _written(STARTED - timedelta(hours=1))])
def test_a_line_that_the_engine_stamps_before_the_start_counts(ended: str) -> None:
    """It writes down the start when all of starting is done: the sidecar runs by then."""
    engine = Engine({STARTED - MOMENT: SEALED}, ended)
    _start(engine)
    assert engine.started == ["shop-api"]


def test_the_word_of_a_former_start_does_not() -> None:
    before = STARTED - timedelta(hours=1)
    engine = Engine({before - MOMENT: SEALED}, _written(before))
    with pytest.raises(EngineError, match="did not close its namespace"):
        _start(engine)
    assert engine.started == []
