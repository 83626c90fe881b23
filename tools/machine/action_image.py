"""The action's folder as `uses:` would have it, for `docker build` and for `act`.

On an ordinary machine that is the repository's own. Where no image registry and no
maker of Terraform can be reached, what bootstrap has made goes into `parts/`, and the
Dockerfile's arguments get other defaults: a runner gives it none.
`python -m machine.action_image FOLDER`.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from machine.base_image import STAND_IN, present_base
from machine.part import LeftToUser, Machine
from machine.sidecar_image import CA_VARIABLES
from machine.terraform import Provider, find_terraform

SOURCES = ("karst", "infra", "proto", "tools/action_parts.py")
FILES = (
    *("Dockerfile", ".dockerignore", "action.yml"),
    *("entrypoint.py", "requirements.txt"),
)
# Debian's packages for the client need what a minimal image can't have.
PACKAGES = "git-lfs openssh-client"


def write_folder(machine: Machine, folder: Path) -> None:
    """Write the action into the new `folder`, with parts where they are needed.

    Raises LeftToUser where one is missing.
    """
    for name in (*SOURCES, *FILES):
        source, target = machine.repository / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(source, target)
    parts = folder / "parts"
    parts.mkdir()
    for name in CA_VARIABLES:
        bundle = machine.environ.get(name)
        if bundle and Path(bundle).is_file():
            shutil.copy(bundle, parts / "ca.pem")
            break
    base = present_base(machine)
    if base == STAND_IN:
        _add_parts(machine, parts)
        dockerfile = folder / "Dockerfile"
        text = with_defaults(dockerfile.read_text(), BASE=base, APT_PACKAGES=PACKAGES)
        dockerfile.write_text(text)


def _add_parts(machine: Machine, parts: Path) -> None:
    terraform, docker = find_terraform(machine), old_client(machine)
    if terraform is None or docker is None:
        raise LeftToUser("run tools/bootstrap first")
    (parts / "bin").mkdir()
    shutil.copy(terraform, parts / "bin" / Path(terraform).name)
    shutil.copy(docker, parts / "bin" / "docker")
    mirror = Provider(machine).mirror
    if mirror.is_dir():
        shutil.copytree(mirror, parts / mirror.name)


def old_client(machine: Machine) -> str | None:
    """Return a docker client that has BuildKit inside, as Debian 12's has."""
    folders = machine.environ.get("PATH", "").split(":")
    for folder in folders:
        program = shutil.which("docker", path=folder)
        if program is None:
            continue
        said = machine.output([program, "version", "-f", "{{.Client.Version}}"]) or ""
        major = said.partition(".")[0]
        if major.isdecimal() and int(major) < 23:
            return program
    return None


def with_defaults(dockerfile: str, **arguments: str) -> str:
    """Return the text with other defaults of its ARGs; raises KeyError for no such ARG.

    >>> with_defaults("ARG BASE=a\\n", BASE="b")
    'ARG BASE="b"\\n'
    """
    for name, value in arguments.items():
        dockerfile, count = re.subn(
            rf"(?m)^ARG {name}=.*$", f'ARG {name}="{value}"', dockerfile
        )
        if not count:
            raise KeyError(name)
    return dockerfile


if __name__ == "__main__":
    from machine.__main__ import this_machine

    write_folder(this_machine(), Path(sys.argv[1]).absolute())
