"""`karst destroy` as typed: what it asks, what it says went, and its exit codes."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from karst.cli import deploying
from karst.cli.main import run
from karst.cli.wiring import Workbench
from karst.config.spec import StackSpec
from karst.pipeline import destroying, handing
from karst.pipeline.destroying import DestroyOutcome

INTERRUPTED = "karst: interrupted; run the same command again to go on\n"
DATA = ("shop-db-data", "shop-store-data")


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


class Stopped(Terminal):
    """Somebody who types ^C."""

    def readline(self, *_: Any) -> str:
        raise KeyboardInterrupt


@pytest.fixture
def removals(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Whether data was to go, per removal of a stack that has some."""
    tools, nothing = MagicMock(), MagicMock()
    tools.alone = nullcontext
    bench = Workbench(StackSpec("shop", ()), nothing, {}, tools, nothing, Path())
    monkeypatch.setattr(deploying, "open_workbench", lambda *_, **__: bench)
    monkeypatch.setattr(handing, "stack_volumes", lambda *_: ([], list(DATA)))

    def removed(*_: Any, volumes: bool) -> DestroyOutcome:
        return DestroyOutcome(
            3,
            () if volumes else DATA,
            keeper_removed=True,
            removed_volumes=DATA if volumes else (),
        )

    destroy = MagicMock(side_effect=removed)
    monkeypatch.setattr(destroying, "destroy", destroy)
    return destroy


@pytest.mark.parametrize("answer", ["n\n", "no\n", "\n"])
def test_a_no_is_told_as_such_and_is_1_as_terraform_s(
    answer: str,
    removals: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run(["destroy"]) == 1
    told = capsys.readouterr()
    assert told.out.endswith("Nothing was removed.\n")
    assert told.err == ""
    removals.assert_not_called()


@pytest.mark.parametrize("typed", [Stopped(), Terminal("")], ids=["^C", "^D"])
def test_no_answer_at_all_is_an_interrupt(
    typed: Terminal,
    removals: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", typed)
    assert run(["destroy"]) == 130
    assert capsys.readouterr().err.endswith(INTERRUPTED)
    removals.assert_not_called()


@pytest.mark.parametrize(
    ("flags", "question"),
    [
        ([], "Remove all containers of 'shop'? [y/N]"),
        (
            ["--volumes"],
            f"Remove all containers of 'shop', and the data in {', '.join(DATA)}? [y/N]",
        ),
    ],
)
def test_the_question_names_the_data_that_would_go(
    flags: list[str],
    question: str,
    removals: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(["destroy", *flags]) == 0
    assert capsys.readouterr().out.startswith(question)
    assert removals.call_args.kwargs == {"volumes": bool(flags)}


def test_a_stack_without_data_is_asked_about_containers_alone(
    removals: MagicMock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(handing, "stack_volumes", lambda *_: (["shop-karst"], []))
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(["destroy", "--volumes"]) == 1
    assert capsys.readouterr().out.startswith("Remove all containers of 'shop'? [y/N]")
    removals.assert_not_called()


@pytest.mark.usefixtures("removals")
def test_what_went_and_what_stayed_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["destroy", "--yes"]) == 0
    assert capsys.readouterr().out == (
        "Destroyed 'shop': 3 containers removed.\n"
        "Kept the data in shop-db-data, shop-store-data (--volumes removes it).\n"
    )
    assert run(["destroy", "--yes", "--volumes"]) == 0
    assert capsys.readouterr().out == (
        "Destroyed 'shop': 3 containers removed.\n"
        "Removed the data in shop-db-data, shop-store-data.\n"
    )
    assert run(["destroy", "--yes", "--volumes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["removed_volumes"] == ["shop-db-data", "shop-store-data"]
    assert document["kept_volumes"] == []
