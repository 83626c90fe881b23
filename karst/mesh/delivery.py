"""Sets of files as volume contents: laid out as the agent takes them over."""

from __future__ import annotations

from collections.abc import Mapping

from karst.effects.engine_volumes import VolumeFile
from karst.mesh.files import ENVOY_UID, FileSet
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


def secret_files(values: Mapping[str, Secret]) -> list[VolumeFile]:
    """Secrets as files under /run/secrets.

    World-readable inside the app's own container: which user an image runs as is its
    own affair, and nobody else mounts this volume.
    """
    return [
        VolumeFile(name, value.reveal().encode(), 0o444)
        for name, value in sorted(values.items())
    ]
