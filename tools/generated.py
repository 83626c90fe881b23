"""The committed files that are made from the code: `tools/generate [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from pages.action import render_action, render_inputs, render_outputs
from pages.blocks import refresh
from pages.commands import render_command
from pages.component import render_component, render_component_inputs
from pages.exit_codes import render_exit_codes
from pages.keys import render_faults, render_keys

from karst.config.json_schema import render_json_schema
from karst.config.setting_keys import render_env_example

ROOT = Path(__file__).resolve().parents[1]


def _refreshed(name: str) -> Callable[[], str]:
    kinds = {
        "command": render_command,
        "component-inputs": render_component_inputs,
        "exit-codes": render_exit_codes,
        "faults": render_faults,
        "inputs": render_inputs,
        "keys": render_keys,
        "outputs": render_outputs,
    }
    return lambda: refresh(ROOT / name, kinds)


GENERATED: dict[str, Callable[[], str]] = {
    "action.yml": render_action,
    "templates/karst.yml": render_component,
    "docs/action.md": _refreshed("docs/action.md"),
    "docs/repos.schema.json": render_json_schema,
    "env.example": render_env_example,
    "docs/commands.md": _refreshed("docs/commands.md"),
    "docs/gitlab.md": _refreshed("docs/gitlab.md"),
    "docs/errors.md": _refreshed("docs/errors.md"),
    "docs/repos-yaml.md": _refreshed("docs/repos-yaml.md"),
}


def main(*, check: bool) -> int:
    """Write each file, or name those that differ; returns the exit code."""
    stale = []
    for name, render in GENERATED.items():
        path = ROOT / name
        text = render()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            stale.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{name} is not what the code gives; run: make generate\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
