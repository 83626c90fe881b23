"""Terraform's failures as sentences: which of its messages means what."""

from __future__ import annotations

import json
import re

from karst.command import Outcome
from karst.effects.workspace import disk_full
from karst.errors import (
    EngineError,
    KarstError,
    NetworkClashError,
    ProviderMissingError,
    StalePlanError,
    StateLockedError,
    TerraformError,
)

_LOCK_ID = re.compile(r"^\s*ID:\s+(\S+)", re.MULTILINE)
_LOCK_WHO = re.compile(r"^\s*Who:\s+(\S+)", re.MULTILINE)
# Over HTTP Terraform shows itself as the holder, and of the real one the id alone.
_LOCK_OVER_HTTP = re.compile(r"HTTP remote state already locked:\s+ID=(\S*)")
_NO_PROVIDER = (
    "Failed to query available provider packages",
    "no available releases match",
    "Required plugins are not installed",
    "Could not load plugin",
    "Inconsistent dependency lock file",
)
# Of the end of a plan that finds no room Terraform tells nothing; who reads it does.
_CUT_SHORT = re.compile(r"local\W+plan\W+file\W+zip:\W+not\W+a\W+valid\W+zip\W+file")
# What Docker's client says depends on how far it came: refused, or cut off on the way.
_NO_ENGINE = (
    "Cannot connect to the Docker daemon",
    "error during connect",
    "pinging Docker",
)


def explain(outcome: Outcome, *, doing: str, where: str) -> KarstError:
    """The error that a failed Terraform command stands for."""
    told = outcome.stderr or _diagnostics(outcome.stdout)
    text = f"{told}\n{outcome.stdout}"
    detail = _errors(told) or outcome.stdout.strip()[-2000:]
    if "Error acquiring the state lock" in text:
        over_http = _LOCK_OVER_HTTP.search(text)
        lock = over_http or _LOCK_ID.search(text)
        who = None if over_http else _LOCK_WHO.search(text)
        holder = f" by {who[1]}" if who else ""
        unlock = f"terraform -chdir={where} force-unlock {lock[1] if lock else 'ID'}"
        return StateLockedError(
            f"the state is locked{holder}",
            where=where,
            remedy=f"wait for the other run to end; if it died, release the lock with `{unlock}`",
        )
    if any(mark in text for mark in _NO_PROVIDER):
        return ProviderMissingError(
            "the Docker provider (kreuzwerker/docker 4.x) can't be had",
            where=where,
            remedy="run `make bootstrap`, or let this machine reach Terraform's registry or a mirror of it",
            detail=detail,
        )
    if "Backend configuration changed" in text or "Backend init" in text:
        return TerraformError(
            "`state:` names another backend than the one that this folder was set up for",
            where=where,
            remedy=f"take the change back, or move the state: `terraform -chdir={where} init -migrate-state` (never -reconfigure: it can empty a local state)",
        )
    if "no space left on device" in text or _CUT_SHORT.search(text):
        return disk_full(where, detail=detail)
    if "Saved plan is stale" in text:
        return StalePlanError(
            "the state moved on after this plan was made",
            where=where,
            remedy="plan again and apply the new plan",
        )
    if "Pool overlaps with other one" in text:
        return NetworkClashError(
            "the subnet overlaps with another network of the engine",
            where="mesh.subnet",
            remedy="choose a free one; `karst doctor` lists them",
            detail=detail,
        )
    if "port is already allocated" in text or "address already in use" in text:
        return NetworkClashError(
            "a published host port is taken",
            where="publish",
            remedy="publish on another port, or stop what listens there",
            detail=detail,
        )
    if "docker_network" in text and "to become 'removed'" in text:
        # Old engines do when many containers go at once: moby/moby issue 17217.
        return EngineError(
            "the engine does not let go of a network",
            where=where,
            remedy="see by `docker network inspect` who is on it; where nobody is, the engine miscounts until it is restarted: do that, and run the same command again",
            detail=detail,
        )
    if any(mark in text for mark in _NO_ENGINE):
        return EngineError(
            "the Docker engine does not answer",
            where=where,
            remedy="start it, or name another with DOCKER_HOST",
            detail=detail,
        )
    return TerraformError(f"{doing} failed", where=where, detail=detail)


def _diagnostics(stdout: str) -> str:
    """What a command with -json says went wrong, as it would say it without."""
    lines = []
    for line in stdout.splitlines():
        try:
            found = json.loads(line).get("diagnostic")
        except (ValueError, AttributeError):
            continue
        if found and found.get("severity") == "error":
            lines.append(f"Error: {found['summary']}\n{found.get('detail', '')}")
    return "\n".join(lines)


def _errors(stderr: str) -> str:
    lines = [line.strip("│╷╵ ").rstrip() for line in stderr.splitlines()]
    return "\n".join(line for line in lines if line)[-3000:]
