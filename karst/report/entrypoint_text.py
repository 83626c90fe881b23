"""How a repository starts, for people and for programs."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

from karst.inspection import Candidate, Entrypoint


def render_entrypoint(found: Entrypoint) -> str:
    """The choice, the rule, the evidence, and what else it could be."""
    lines = [
        f"entrypoint  {found.value} ({found.kind})",
        f"command     {shlex.join(found.command) or 'as its Dockerfile says'}",
        f"workdir     {found.workdir}",
        f"listens     {_listens(found)}",
        f"rule        {found.rule}",
    ]
    if found.packages:
        lines.append(f"adds        {', '.join(found.packages)}")
    lines += [f"sets        {name}={value}" for name, value in found.env]
    for evidence in found.evidence:
        place = f"{evidence.file}:{evidence.line}" if evidence.line else evidence.file
        lines.append(f"evidence    {place}: {evidence.text.strip()}")
    for candidate in found.candidates:
        lines.append(f"candidate   {candidate.value} ({candidate.rule})")
    if found.candidates:
        lines.append("To choose another, write `entrypoint: VALUE` in repos.yaml.")
    return "\n".join(lines)


def _listens(found: Entrypoint) -> str:
    if found.protocol == "none":
        return "on no port: a worker or a bot"
    port = f"port {found.port}" if found.port else "the port that PORT says"
    return f"{port}, {found.protocol or 'http unless repos.yaml says otherwise'}"


def entrypoint_document(
    found: Entrypoint,
    *,
    slug: str = "",
    revision: str | None = None,
    packaging: str = "",
    python: str = "",
) -> dict[str, Any]:
    """As JSON would hold it.

    `revision` is the full commit, None for a folder as it is; `packaging` the file that
    names the dependencies; `python` the version or range that the repository asks for.
    """
    return {
        "slug": slug,
        "revision": revision,
        "entrypoint": _start(found),
        "rule": found.rule,
        "evidence": [asdict(evidence) for evidence in found.evidence],
        "candidates": [
            {
                **_start(candidate),
                "rule": candidate.rule,
                "evidence": [asdict(evidence) for evidence in candidate.evidence],
                "setting": candidate.setting,
            }
            for candidate in found.candidates
        ],
        "packaging": packaging,
        "python": python,
    }


def _start(found: Candidate) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "value": found.value,
        "command": list(found.command),
        "workdir": found.workdir,
        "port": found.port,
        "protocol": found.protocol,
        "folder": found.folder,
        "python_path": found.python_path,
        "packages": list(found.packages),
        "env": dict(found.env),
    }
