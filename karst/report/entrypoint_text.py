"""How a repository starts, for people and for programs."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

from karst.inspection import Entrypoint


def render_entrypoint(found: Entrypoint) -> str:
    """The choice, the rule, the evidence, and what else it could be."""
    lines = [
        f"entrypoint  {found.value} ({found.kind})",
        f"command     {shlex.join(found.command) or 'as its Dockerfile says'}",
        f"workdir     {found.workdir}",
        f"rule        {found.rule}",
    ]
    for evidence in found.evidence:
        place = f"{evidence.file}:{evidence.line}" if evidence.line else evidence.file
        lines.append(f"evidence    {place}: {evidence.text.strip()}")
    for candidate in found.candidates:
        lines.append(f"candidate   {candidate.value} ({candidate.rule})")
    if found.candidates:
        lines.append("To choose another, write `entrypoint: VALUE` in repos.yaml.")
    return "\n".join(lines)


def entrypoint_document(found: Entrypoint) -> dict[str, Any]:
    """As JSON would hold it."""
    document = asdict(found)
    document["entrypoint"] = {
        name: document.pop(name) for name in ("kind", "value", "command", "workdir")
    }
    return document
