"""Volumes and users of an app's container."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from karst.config.checks.written import WrittenService
from karst.config.faults import Fault

_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")
_USER = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?|[a-z_][a-z0-9_-]{0,31}")
_KARST_FOLDERS = ("/run/secrets", "/var/lib/karst", "/opt/karst")
# Envoy's and the agent's: the packet rules let them pass.
SIDECAR_UIDS = (1337, 1338)
_MAX_UID = 2**31 - 1


def check_volumes(service: WrittenService) -> Iterator[Fault]:
    seen: dict[PurePosixPath, str] = {}
    for name, written in service.model.volumes.items():
        if not _VOLUME.fullmatch(name):
            yield service.fault(
                f"'{name}' is no name of a volume",
                "use letters, digits, '_', '.' and '-', and begin with a letter or digit",
                "volumes",
                name,
            )
        target = PurePosixPath("/" + written.lstrip("/"))
        if not written.startswith("/") or ".." in target.parts or ":" in written:
            yield service.fault(
                f"'{written}' is no plain absolute path",
                "write where the volume appears in the container, such as /var/lib/app",
                "volumes",
                name,
            )
        elif folder := _covered(target):
            yield service.fault(
                f"'{written}' overlaps {folder}, which is karst's own",
                "choose another folder",
                "volumes",
                name,
            )
        elif target in seen:
            yield service.fault(
                f"'{written}' is already where the volume '{seen[target]}' appears",
                "choose another folder for one of them",
                "volumes",
                name,
            )
        seen.setdefault(target, name)


def _covered(target: PurePosixPath) -> str:
    # Where images have /var/run, it links to /run.
    if target.parts[:3] == ("/", "var", "run"):
        target = PurePosixPath("/run", *target.parts[3:])
    for folder in _KARST_FOLDERS:
        own = PurePosixPath(folder)
        if own.is_relative_to(target) or target.is_relative_to(own):
            return folder
    return ""


def check_user(service: WrittenService) -> Iterator[Fault]:
    user = service.model.user
    if user is None:
        return
    match = _USER.fullmatch(user)
    if not match or any(int(part) > _MAX_UID for part in match.groups() if part):
        yield service.fault(
            f"'{user}' is no user", "write it as uid, uid:gid or a name", "user"
        )
    elif match[1] and int(match[1]) in SIDECAR_UIDS:
        yield service.fault(
            f"uid {int(match[1])} is the sidecar's own",
            "choose another uid, such as 1000",
            "user",
        )
