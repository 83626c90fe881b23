"""A run that waits for another one on its stack is not mute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, call

import pytest

from karst.cli import deploying, locking, proving
from karst.cli.main import run
from karst.cli.wiring import Workbench
from karst.config.spec import StackSpec
from karst.errors import StateLockedError
from karst.pipeline.tools import Tools


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (deploying, ["plan"]),
        (deploying, ["apply"]),
        (deploying, ["deploy"]),
        (deploying, ["destroy", "--yes"]),
        (locking, ["lock"]),
        (proving, ["drift"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_command_that_changes_a_stack_tells_of_its_wait(
    module: ModuleType,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def alone(tell: Callable[[str], None]) -> Iterator[None]:
        tell("waiting")
        raise StateLockedError("another karst works on this stack")
        yield

    progress = MagicMock()
    tools: Any = SimpleNamespace(
        session=SimpleNamespace(alone=alone), progress=progress
    )
    tools.alone = partial(Tools.alone, tools)
    settings: Any = None
    bench = Workbench(StackSpec("shop", ()), settings, {}, tools, progress, Path())
    monkeypatch.setattr(module, "open_workbench", lambda *_, **__: bench)
    assert run(words) == 20
    # A bar that is not taken down stays below the failure, and hides the cursor.
    assert progress.mock_calls == [call.step("waiting"), call.close()]
