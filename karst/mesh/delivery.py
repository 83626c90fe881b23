"""Sets of files as volume contents: laid out as the agent takes them over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from karst.effects.engine import Engine
from karst.effects.engine_volumes import VolumeFile, read_folders
from karst.mesh.files import ENVOY_UID, FileSet, version_of
from karst.secret import Secret

MANIFEST = "manifest.json"


def set_files(files: FileSet, sequence: int) -> list[VolumeFile]:
    """A set under `incoming/<version>/`; the manifest, which completes it, is last.

    A key belongs to Envoy's user with root's group: the agent is root without the
    right to read what is not its own.
    """
    folder = f"incoming/{files.version}"
    entries = []
    for name, file in sorted(files.files.items()):
        owner, mode = (ENVOY_UID, 0o440) if file.private else (0, 0o644)
        entries.append(VolumeFile(f"{folder}/{name}", file.content, mode, owner))
    entries.append(VolumeFile(f"{folder}/{MANIFEST}", files.manifest(sequence)))
    return entries


@dataclass(frozen=True)
class Delivered:
    """What a sidecar's volume holds in force: its version, by its own content, and the
    certificate (PEM chain) that Envoy shows."""

    version: str
    certificate_pem: str


def read_delivered(
    engine: Engine, image: str, volumes: Iterable[str]
) -> dict[str, Delivered]:
    """Read the set in force of every volume that has one, by volume.

    Its key passes through this process as at its delivery, and goes nowhere.
    """
    found = {}
    for volume, files in read_folders(engine, image, volumes, "current/").items():
        contents = {n: data for n, data in files.items() if n != MANIFEST}
        found[volume] = Delivered(version_of(contents), _certificate(contents))
    return found


def _certificate(contents: Mapping[str, bytes]) -> str:
    try:
        secret = json.loads(contents["sds-identity.json"])
        tls = secret["resources"][0]["tls_certificate"]
        return str(tls["certificate_chain"]["inline_string"])
    except (KeyError, IndexError, TypeError, ValueError):
        return ""


def secret_files(values: Mapping[str, Secret]) -> list[VolumeFile]:
    """Secrets as files under /run/secrets.

    World-readable inside the app's own container: which user an image runs as is its
    own affair, and nobody else mounts this volume.
    """
    return [
        VolumeFile(name, value.reveal().encode(), 0o444)
        for name, value in sorted(values.items())
    ]
