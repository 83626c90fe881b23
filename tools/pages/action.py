"""action.yml, and the tables of docs/action.md, from the schema of the step's inputs."""

from __future__ import annotations

import json

from karst.config.input_keys import INPUTS, OUTPUTS, InputKey
from pages.blocks import table

_HEAD = """\
# Made from karst/config/input_keys.py by `make generate`.
name: KarstKit
description: Review, deploy and prove services from many repositories, with mutual TLS between them
author: KarstKit
branding:
  icon: layers
  color: blue
"""
_RUNS = """\
runs:
  using: docker
  image: Dockerfile
"""


def render_action() -> str:
    """Return action.yml. A release's own names the published image by its digest."""
    lines = [_HEAD, "inputs:\n"]
    for key in INPUTS:
        lines.append(f"  {key.name}:\n    description: {_quoted(key.description)}\n")
        if default := key.given or key.default:
            lines.append(f"    default: {_quoted(default)}\n")
    lines.append("outputs:\n")
    for output in OUTPUTS:
        text = _quoted(output.description)
        lines.append(f"  {output.name}:\n    description: {text}\n")
    return "".join([*lines, _RUNS])


def render_inputs(_subject: str) -> str:
    rows = [(f"`{k.name}`", _default(k), k.description) for k in INPUTS]
    return table(("input", "default", "what it is"), rows)


def render_outputs(_subject: str) -> str:
    rows = [(f"`{key.name}`", key.description) for key in OUTPUTS]
    return table(("output", "what it is"), rows)


def _default(key: InputKey) -> str:
    if key.given:
        return "the job's own token"
    words = [f"`{word}`" for word in key.choices if word != key.default]
    told = f"`{key.default}`" if key.default else "none"
    return f"{told} (or {', '.join(words)})" if words else told


def _quoted(text: str) -> str:
    # JSON's strings are YAML's.
    return json.dumps(text, ensure_ascii=False)
