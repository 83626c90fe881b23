"""Terraform without karst: the same module, variables, provider and settings."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from bench.running import BenchError, Timed, run
from bench.stacks import BenchStack

_STARTS = re.compile(r"(?m)^(\s+start\s+=) false$")
_VARIABLES = "stack.tfvars.json"
_QUIET = ("-input=false", "-no-color")


def terraform(folder: Path, *words: str) -> Timed:
    """Run Terraform as karst would: same program, same CLI configuration."""
    from karst.cli.programs import cli_config, terraform_program
    from karst.cli.wiring import load_settings
    from karst.effects.process import Processes
    from karst.terraform.arguments import environment

    program = terraform_program(load_settings(), Processes(dict(os.environ)))
    env = environment(cli_config(os.environ), os.environ.get("DOCKER_HOST"))
    return run([program, *words], cwd=folder, env=env)


def plan(folder: Path) -> Timed:
    return terraform(folder, "plan", *_QUIET, f"-var-file={_VARIABLES}")


def destroy(folder: Path) -> Timed:
    """Destroy what the state in `folder` names; volumes are not in it, and stay."""
    words = ("-auto-approve", *_QUIET, f"-var-file={_VARIABLES}")
    return terraform(folder, "destroy", *words)


class BareModule:
    """A copy of the stack's module with a state of its own, whose apps start at once.

    karst has Terraform create apps stopped and starts each when its namespace is
    closed; the copy says `start = true`, so that both end with everything started.
    """

    def __init__(self, stack: BenchStack, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for source in stack.state_folder.glob("*.tf"):
            shutil.copy(source, folder)
        main = folder / "main.tf"
        text, count = _STARTS.subn(r"\1 true", main.read_text())
        if count != 1:
            raise BenchError(f"main.tf has {count} lines `start = false`, not one")
        main.write_text(text)
        terraform(folder, "init", *_QUIET)

    def apply(self, variables: dict[str, Any]) -> float:
        """Plan, then apply that plan; the seconds of the apply alone."""
        (self.folder / _VARIABLES).write_text(json.dumps(variables))
        words = (f"-var-file={_VARIABLES}", "-out=bare.tfplan")
        terraform(self.folder, "plan", *_QUIET, *words)
        return terraform(self.folder, "apply", *_QUIET, "bare.tfplan").seconds

    def destroy(self) -> None:
        destroy(self.folder)
