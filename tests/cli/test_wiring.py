"""What lies in a folder as one's own: settings, state. A repository may bring neither."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from karst.cli.wiring import load_settings, open_workbench
from karst.errors import ConfigError

pytestmark = pytest.mark.processes


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    (tmp_path / "repos.yaml").write_text("- file:./app\n")
    return tmp_path


def test_a_committed_env_file_is_nobody_s_settings(folder: Path) -> None:
    """It would name the Terraform that a plan runs, and the host that gets a token."""
    (folder / ".env").write_text(f"KARST_TERRAFORM={folder}/evil\n")
    assert load_settings().terraform == f"{folder}/evil"
    git("add", "--force", ".env")
    for read in (load_settings, lambda: open_workbench(folder / "repos.yaml")):
        with pytest.raises(ConfigError, match=r"'\.env' is committed"):
            read()


def test_a_committed_state_folder_is_nobody_s_state(folder: Path) -> None:
    """Terraform would run the provider, and read the files, that lie in it."""
    planted = folder / ".karst" / "shop" / "more.tf.json"
    planted.parent.mkdir(parents=True)
    planted.write_text("{}")
    git("add", "--force", ".karst")
    with pytest.raises(ConfigError, match=r"'\.karst' is committed"):
        open_workbench(folder / "repos.yaml")
