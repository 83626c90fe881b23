"""The image that Python services start from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from machine.packages import install_packages
from machine.part import LeftToUser, Machine, State

PUBLISHED = "python:3.12-slim"
STAND_IN = "python:3.11-slim"
SUITE = "bookworm"
# What a published python image offers and a minimal Debian does not: `python`, `pip`.
PACKAGES = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates"
PULL_SECONDS = 300


@dataclass(frozen=True)
class BaseImage:
    """A Python base image: pulled, or made of Debian packages under the same name."""

    machine: Machine
    name: str = "base-image"
    needs: tuple[str, ...] = ("engine",)

    def state(self) -> State:
        if tag := present_base(self.machine):
            return State(True, tag)
        return State(False, f"neither {PUBLISHED} nor {STAND_IN} in the engine")

    def install(self) -> None:
        if not pull(self.machine, PUBLISHED):
            build_stand_in(self.machine, STAND_IN)


def present_base(machine: Machine) -> str | None:
    """Return the name of a base image that the engine has, or None."""
    for tag in (PUBLISHED, STAND_IN):
        if machine.output(["docker", "image", "inspect", "-f", "{{.Id}}", tag]):
            return tag
    return None


def pull(machine: Machine, image: str) -> bool:
    """Whether the image's registry gave it."""
    told = machine.output(["docker", "pull", "--quiet", image], timeout=PULL_SECONDS)
    return told is not None


def build_stand_in(machine: Machine, tag: str) -> None:
    """Make a base image of Debian's packages; raises LeftToUser.

    Debian marks its Python as its own, so that pip refuses to install into it; a
    published python image has no such mark, and a Dockerfile written for one relies
    on that.
    """
    if not machine.which("mmdebstrap"):
        install_packages(
            machine,
            "mmdebstrap",
            "debian-archive-keyring",
            elsewhere=f"run: docker pull {PUBLISHED} (the image registry does not answer)",
        )
    log = machine.cache / "log" / "base-image.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    bootstrap = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        SUITE,
        "-",
    ]
    load = ["docker", "import", "--change", 'CMD ["python3"]', "-", tag]
    with log.open("ab") as out:
        tree = subprocess.Popen(
            bootstrap,
            env=dict(machine.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=out,
        )
        with tree:
            # A tree that breaks off must not become an image under the wanted name.
            unchecked = f"{tag}-unchecked"
            machine.run([*load[:-1], unchecked], log="base-image", stdin=tree.stdout)
    if tree.returncode != 0:
        machine.output(["docker", "image", "rm", unchecked])
        raise LeftToUser(f"mmdebstrap: exit status {tree.returncode}; log: {log}")
    machine.run(["docker", "tag", unchecked, tag], log="base-image")
    machine.output(["docker", "image", "rm", unchecked])
