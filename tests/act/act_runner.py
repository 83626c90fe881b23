"""Runs a workflow under `act`, the way GitHub would for one event."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACT = Path(sys.executable).parent / "act"
RUNNER = "karsttest/runner"
_RUNNER_DOCKERFILE = """\
FROM {base}
RUN apt-get update -q \\
    && apt-get install -qy --no-install-recommends git nodejs \\
    && rm -rf /var/lib/apt/lists/*
"""


@dataclass(frozen=True)
class ActRun:
    """What one run of a workflow left.

    Attributes:
        outputs: of all its steps, by step id and name: "karst.changes".
        summary: Markdown of all its steps.
        notices: annotations: (level, its properties as written, its text).
        log: every line that the steps printed, in order.
    """

    code: int
    outputs: Mapping[str, str]
    summary: str
    notices: tuple[tuple[str, str, str], ...]
    log: str

    def failed(self) -> str:
        """The log of a run that must have failed."""
        assert self.code != 0, self.log
        return self.log

    def ok(self) -> ActRun:
        assert self.code == 0, self.log
        return self


def command(
    workspace: Path,
    event: str,
    payload: Mapping[str, Any],
    *,
    action: Path,
    runner: str,
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
    cache: Path,
    bind: bool = False,
) -> list[str]:
    """The argv of one run; writes the payload beside the workspace.

    `bind` mounts the workspace, as GitHub does; else the job gets a copy.
    """
    file = workspace.with_name(f"{workspace.name}.event.json")
    file.write_text(json.dumps(payload))
    # --rm: a failed job leaves nothing either.
    words = [str(ACT), event, "--json", "--rm", "--pull=false"]
    words += ["--directory", str(workspace)]
    words += ["--eventpath", str(file), "--action-cache-path", str(cache)]
    words += ["--local-repository", f"karstkit/action@v1={action}"]
    words += ["-P", f"ubuntu-latest={runner}"]
    words += ["--bind"] if bind else []
    for name, value in variables.items():
        words += ["--env", f"{name}={value}"]
    for name, value in secrets.items():
        words += ["--secret", f"{name}={value}"]
    return words


def run(words: list[str], *, timeout: float = 1000) -> ActRun:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"DOCKER_BUILDKIT": "0"},
    )
    return read(done.returncode, done.stdout, done.stderr)


_OUTPUT = re.compile(r"::set-output:: ([\w-]+)=(.*)", re.S)
_NOTICE = re.compile(r"::(error|warning|notice)([^:]*)::(.*)", re.S)


def read(code: int, stdout: str, stderr: str) -> ActRun:
    """Take act's own JSON lines apart."""
    outputs, summary, notices, log = {}, [], [], []
    for text in stdout.splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            log.append(text)
            continue
        message = str(entry.get("msg", ""))
        if entry.get("command") == "set-output":
            outputs[f"{entry['stepID'][0]}.{entry['name']}"] = str(entry["arg"])
        elif entry.get("command") == "summary":
            summary.append(str(entry["content"]))
        if found := _NOTICE.search(entry.get("raw", message)):
            notices.append((found[1], found[2].strip(), found[3]))
        log.append(message.rstrip("\n"))
    return ActRun(
        code,
        outputs,
        "\n".join(summary),
        tuple(notices),
        "\n".join(log) + stderr,
    )


def build_runner(base: str) -> str:
    """Have the image that stands for GitHub's runner; returns its name."""
    tag = f"{RUNNER}:1"
    known = subprocess.run(
        ["docker", "image", "inspect", tag], capture_output=True, check=False
    )
    if known.returncode:
        subprocess.run(
            ["docker", "build", "-q", "-t", tag, "-"],
            input=_RUNNER_DOCKERFILE.format(base=base).encode(),
            capture_output=True,
            check=True,
        )
    return tag
