"""Runs a project's pipeline under `gitlab-ci-local`, the way GitLab would for one event."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.node_modules import find_package

HELPER = "karsttest/gitlab-helper"
_HELPER_DOCKERFILE = """\
FROM {base}
RUN apt-get update -q \\
    && apt-get install -qy --no-install-recommends rsync \\
    && rm -rf /var/lib/apt/lists/*
"""
_SOCKET = "/var/run/docker.sock"
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class LocalRun:
    """What one pipeline left.

    Attributes:
        log: every line, without colours and section marks.
        raw: the same as it was printed.
        workspace: with the artifacts of all its jobs.
    """

    code: int
    log: str
    raw: str
    workspace: Path

    def ok(self) -> LocalRun:
        assert self.code == 0, self.log
        return self

    def failed(self) -> str:
        """The log of a pipeline that must have failed."""
        assert self.code != 0, self.log
        return self.log

    def artifact(self, name: str) -> str:
        """The text of the one artifact that is called so."""
        (path,) = (self.workspace / ".karst" / "artifacts").rglob(name)
        return path.read_text()


def run(
    workspace: Path,
    jobs: Sequence[str],
    variables: Mapping[str, str],
    *,
    helper: str,
    unset: Sequence[str] = (),
    socket: bool = True,
    more: Sequence[str] = (),
    timeout: float = 1000,
) -> LocalRun:
    """Run `jobs` and what they need; no job named: the whole pipeline."""
    words = [str(_node()), str(find_package("gitlab-ci-local") / "dist" / "index.js")]
    words += [*jobs, "--home", str(workspace.parent)]
    words += ["--helper-image", helper, "--wait-image", helper]
    words += ["--pull-policy", "if-not-present", "--network", "host", "--cleanup"]
    words += ["--volume", f"{_SOCKET}:{_SOCKET}"] if socket else []
    for name, value in variables.items():
        words += ["--variable", f"{name}={value}"]
    for name in unset:
        words += ["--unset-variable", name]
    done = subprocess.run(
        [*words, *more],
        cwd=workspace,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "FORCE_COLOR": "0", "DO_NOT_TRACK": "1"},
    )
    raw = done.stdout + done.stderr
    return LocalRun(done.returncode, _COLOUR.sub("", raw), raw, workspace)


def _node() -> Path:
    """Its own Node: the machine's may be older than it needs."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    return find_package(f"node-linux-{machine}") / "bin" / "node"


def build_helper(base: str) -> str:
    """Have the image by which the runner copies files; returns its name."""
    tag = f"{HELPER}:1"
    known = subprocess.run(
        ["docker", "image", "inspect", tag], capture_output=True, check=False
    )
    if known.returncode:
        subprocess.run(
            ["docker", "build", "-q", "-t", tag, "-"],
            input=_HELPER_DOCKERFILE.format(base=base).encode(),
            env=os.environ | {"DOCKER_BUILDKIT": "0"},
            capture_output=True,
            check=True,
        )
    return tag
