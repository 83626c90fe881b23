"""Failures about fetched files are told under the name that was typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.cli.main import run
from karst.errors import EntrypointError
from karst.pipeline.naming import named


def test_inspect_names_the_folder_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mathy.py").write_text("def add(a, b):\n    return a + b\n")
    assert run(["inspect", "lib"]) == 13
    told = capsys.readouterr().err
    assert told.startswith("karst: lib: ")
    assert "/tree" not in told


def test_a_folder_is_renamed_wherever_it_is_told(tmp_path: Path) -> None:
    own = tmp_path / "checkouts" / "lib"
    with pytest.raises(EntrypointError) as told, named(own, "gh:acme/lib"):
        raise EntrypointError(
            "nothing", where=f"{own}/setup.cfg:3", detail=f"looked in {own}/src"
        )
    assert told.value.where == "gh:acme/lib, setup.cfg:3"
    assert told.value.detail == "looked in gh:acme/lib/src"
