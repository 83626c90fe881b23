"""What GitLab's component tells the step to do, whoever sets variables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.processes

TEMPLATE = Path(__file__).parents[2] / "templates" / "karst.yml"


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (None, "auto"),
        ("", "auto"),
        ("drift", "drift"),
        ("destroy", "auto"),
        ("apply", "auto"),
        ("drift; echo evil", "auto"),
    ],
)
def test_a_schedules_variable_can_ask_for_drift_and_nothing_else(
    given: str | None, command: str
) -> None:
    """A schedule is edited by people who may not deploy to a protected environment."""
    _, jobs = yaml.safe_load_all(TEMPLATE.read_text())
    script = jobs["$[[ inputs.job-prefix ]]:scheduled"]["before_script"]
    told = subprocess.run(
        ["/bin/sh", "-euc", "\n".join([*script, 'echo "$karst_command"'])],
        env={} if given is None else {"KARST_COMMAND": given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == f"{command}\n"
