"""The action's image for tests of pipelines, built once for each state of its sources."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path


def present_action_image(source: Path) -> str:
    """Have the image of the action's folder `source`, by the engine's old builder;
    returns its name."""
    image = f"karsttest/action:{_digest(source)}"
    known = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, check=False
    )
    if known.returncode:
        done = subprocess.run(
            ["docker", "build", "-q", "-t", image, str(source)],
            env=os.environ | {"DOCKER_BUILDKIT": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return image


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        if "parts" not in file.relative_to(folder).parts:
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
