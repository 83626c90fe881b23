"""`tools/bootstrap [--check] [--only PART]...`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from machine.base_image import BaseImage
from machine.engine import BuildKitClient, Engine
from machine.environment import Environment
from machine.kernel import KernelLimits
from machine.node import NodePackages
from machine.packages import Git, Program, Unpacked
from machine.part import LeftToUser, Machine, Part, State, read_os_release
from machine.sidecar_image import SidecarImage
from machine.terraform import Provider, Terraform


def all_parts(machine: Machine) -> list[Part]:
    """Return the parts in the order in which they are installed."""
    return [
        Git(machine),
        Environment(machine),
        KernelLimits(machine),
        Engine(machine),
        BuildKitClient(machine),
        Terraform(machine),
        Provider(machine),
        BaseImage(machine),
        SidecarImage(machine),
        NodePackages(machine),
        # GitLab's local runtime copies projects with it.
        Program(machine, "rsync"),
        # Large files of fetched repositories, which karst takes along where it is there.
        Program(machine, "git-lfs"),
        # The load of the measurements.
        Program(machine, "wrk"),
        # What the tests of digests pull from.
        Unpacked(machine, "docker-registry"),
    ]


def main(arguments: Sequence[str]) -> int:
    """Return 0 where everything is there in the end, else 1."""
    parser = argparse.ArgumentParser(
        prog="bootstrap", description="Find what this machine lacks and install it."
    )
    parser.add_argument("--check", action="store_true", help="look, change nothing")
    parser.add_argument("--only", action="append", metavar="PART", default=[])
    options = parser.parse_args(arguments)
    parts = all_parts(this_machine())
    if unknown := set(options.only) - {p.name for p in parts}:
        known = ", ".join(p.name for p in parts)
        parser.error(f"no part {', '.join(sorted(unknown))}; parts: {known}")
    chosen = [p for p in parts if p.name in options.only or not options.only]
    return check(chosen) if options.check else install(chosen)


def this_machine() -> Machine:
    """Read the machine that this runs on."""
    environ = dict(os.environ)
    environ.pop("PYTHONPATH", None)  # this program's own, of no use to others
    # OpenTofu prints its warning about a missing file into its answer.
    if not Path(environ.get("TF_CLI_CONFIG_FILE", "/")).is_file():
        environ.pop("TF_CLI_CONFIG_FILE", None)
    home_cache = Path(environ.get("HOME", "/")) / ".cache" / "karstkit"
    cache = Path(environ.get("KARST_CACHE") or home_cache).absolute()
    repository = Path(__file__).resolve().parents[2]
    return Machine(environ, cache, repository, read_os_release(), os.geteuid() == 0)


def check(parts: Sequence[Part]) -> int:
    """Print one line for each part."""
    states = [(part.name, part.state()) for part in parts]
    for name, state in states:
        say("ok" if state.present else "missing", name, state.line)
    return 0 if all(state.present for _, state in states) else 1


def install(parts: Sequence[Part]) -> int:
    """Install what is missing, one line for each; the rest goes on without it."""
    missing: set[str] = set()
    for part in parts:
        state = part.state()
        if state.present:
            continue
        say("missing", part.name, state.line)
        if blockers := [need for need in part.needs if need in missing]:
            say("waits", part.name, f"for {', '.join(blockers)}")
            missing.add(part.name)
            continue
        if not _installed(part):
            missing.add(part.name)
    if missing:
        say("stopped", "bootstrap", f"still missing: {', '.join(sorted(missing))}")
        return 1
    say("ready", "bootstrap", "nothing is missing")
    return 0


def _installed(part: Part) -> bool:
    begun = time.monotonic()
    try:
        part.install()
    except LeftToUser as left:
        say("to do", part.name, str(left))
        return False
    state: State = part.state()
    seconds = f" ({time.monotonic() - begun:.0f} s)"
    say("installed" if state.present else "failed", part.name, state.line + seconds)
    return state.present


def say(word: str, name: str, line: str) -> None:
    print(f"{word:<9} {name:<14} {line}", flush=True)


def locked_main(arguments: Sequence[str]) -> int:
    """Run `main` while no other bootstrap works on the same cache."""
    if "--check" in arguments:
        return main(arguments)
    cache = this_machine().cache
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return main(arguments)


if __name__ == "__main__":
    sys.exit(locked_main(sys.argv[1:]))
