"""What goes into the action's image, and from where."""

from __future__ import annotations

from pathlib import Path

import action_parts
import pytest
from machine.action_image import with_defaults

ROOT = Path(__file__).resolve().parents[2]


def test_other_defaults_stand_where_the_dockerfile_has_its_own() -> None:
    text = (ROOT / "Dockerfile").read_text()
    found = with_defaults(text, BASE="python:3.11-slim", APT_PACKAGES="a b")
    assert 'ARG BASE="python:3.11-slim"' in found
    assert 'ARG APT_PACKAGES="a b"' in found
    with pytest.raises(KeyError):
        with_defaults(text, NOT_THERE="x")


def test_the_dockerfile_has_nothing_that_the_old_builder_does_not_know() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for word in ("--mount", "<<", "--link", "# syntax="):
        assert word not in text


def test_parts_that_are_there_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, out = tmp_path / "parts", tmp_path / "out"
    (parts / "bin").mkdir(parents=True)
    (parts / "bin" / "terraform").write_text("program")
    (parts / "terraform-mirror" / "host").mkdir(parents=True)
    monkeypatch.setattr(action_parts.platform, "machine", lambda: "x86_64")
    action_parts.main(parts, out)
    assert (out / "bin" / "terraform").read_text() == "program"
    assert (out / "terraform-mirror" / "host").is_dir()
    assert 'path = "/opt/karst/terraform-mirror"' in (out / "terraform.rc").read_text()
    assert "direct" not in (out / "terraform.rc").read_text()


def test_another_file_than_the_pinned_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(b"not Terraform")
    monkeypatch.setattr(
        action_parts.urllib.request, "urlopen", lambda *_, **__: archive.open("rb")
    )
    with pytest.raises(SystemExit, match="another file than the pinned one"):
        action_parts.fetch_terraform(tmp_path / "terraform", "amd64")
    assert not (tmp_path / "terraform").exists()
