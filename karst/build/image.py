"""Builds images with BuildKit, several at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from karst.build.recipe import CA_SECRET, BuildRecipe
from karst.command import Command, Outcome
from karst.effects.process import Processes
from karst.effects.workspace import disk_full
from karst.errors import BuildError, EngineError, KarstError, ToolMissingError

LAST_LINES = 25
# From 23 on the client hands every build to buildx; before, it has BuildKit inside.
_FIRST_WITHOUT_BUILDKIT = 23
# For a first answer of a client on a busy machine: without one it counts as not there.
_CLIENT_SECONDS = 120.0
_REMEDIES = (
    (
        ("certificate verify failed", "UnknownIssuer", "invalid peer certificate"),
        "the build meets a certificate it does not know: give your company's bundle as build.ca_bundle",
    ),
    (
        ("No solution found", "was not found in the package registry", "No matching"),
        "a dependency can't be had: correct it in the repository's requirements or lock file",
    ),
    (
        ("Python requirement", "requires-python", "Requires-Python"),
        "a dependency or a lock file wants another Python: correct requires-python, or have a base image of that version at hand",
    ),
    (
        ("Temporary failure in name resolution", "dns error", "Connection refused"),
        "the build has no way to the package index: check the engine's network and proxy",
    ),
    (
        ("Git executable not found", "error: command 'gcc'", "Unknown compiler"),
        "a dependency needs build tools, which this image does not have: depend on a release with wheels, or use 'build: dockerfile'",
    ),
    (
        ("pull access denied", "failed to resolve source metadata"),
        "the base image can't be pulled: check its name and the way to its registry",
    ),
)


@dataclass(frozen=True)
class Builder:
    """The way to BuildKit: buildx, or the one inside of an older client."""

    kind: Literal["buildx", "buildkit"]
    program: str


@dataclass(frozen=True)
class ImageBuild:
    """One image to build."""

    service: str
    image: str
    command: Command


@dataclass(frozen=True)
class BuiltImage:
    """A finished build, and how many seconds it took."""

    service: str
    image: str
    seconds: float


def detect_builder(processes: Processes) -> Builder:
    """Find a client that builds with BuildKit; raises ToolMissingError."""
    programs = [str(p) for p in processes.find_programs("docker")]
    if not programs:
        processes.find_program("docker")
    for program in programs:
        asked = Command((program, "buildx", "version"), timeout=_CLIENT_SECONDS)
        if processes.run(asked).ok:
            return Builder("buildx", program)
    for program in programs:
        asked = Command((program, "version", "--format", "{{.Client.Version}}"))
        major = processes.run(asked).stdout.strip().partition(".")[0]
        if major.isdecimal() and int(major) < _FIRST_WITHOUT_BUILDKIT:
            return Builder("buildkit", program)
    raise ToolMissingError(
        "the docker client has no BuildKit",
        where=programs[0],
        remedy="install buildx (Docker's packages: apt-get install docker-buildx-plugin; Debian's and Ubuntu's: docker-buildx)",
    )


def build_command(
    recipe: BuildRecipe,
    image: str,
    dockerfile: Path,
    builder: Builder,
    *,
    context: Path,
    ca_bundle: Path | None = None,
    secrets: Mapping[str, Path] | None = None,
) -> Command:
    """Return the command that builds `image`; raises BuildError for a missing secret.

    Args:
        ca_bundle: PEM file of the authorities that the build trusts; None: the image's.
        secrets: a file for each name of `recipe.secrets`; others are not passed on.
    """
    files = dict(secrets or {})
    given = {name: files[name] for name in recipe.secrets if name in files}
    missing = [name for name in recipe.secrets if name not in files]
    if ca_bundle is not None:
        given[CA_SECRET] = ca_bundle
    if missing:
        raise BuildError(
            f"the build's secrets have no value: {', '.join(missing)}",
            where=recipe.service,
            remedy="set variables of these names, or take them out of 'build:'",
        )
    how = ("buildx", "build", "--load") if builder.kind == "buildx" else ("build",)
    words = [builder.program, *how, "--progress=plain", f"--file={dockerfile}"]
    words += [
        f"--tag={image}",
        f"--label=karst.slug={recipe.slug}",
        f"--label=karst.content-key={recipe.content_key}",
        # A Dockerfile may mount caches of any id: those of this name only.
        f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={recipe.caches}",
    ]
    words += [f"--secret=id={name},src={path}" for name, path in given.items()]
    env = {
        # An attestation carries the time, and makes an index of a single image.
        "buildx": {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        "buildkit": {"DOCKER_BUILDKIT": "1"},
    }[builder.kind]
    return Command((*words, str(context)), env=env)


def build_images(
    builds: Sequence[ImageBuild],
    processes: Processes,
    *,
    workers: int | None = None,
    on_line: Callable[[str, str], None] | None = None,
) -> tuple[BuiltImage, ...]:
    """Build all images, as many at a time as there are cores.

    `on_line` is called with the service's name and a line of its output. A failed
    build leaves the others to finish; then BuildError (or DiskFullError, or
    EngineError) tells of every failure.
    """
    cancel = threading.Event()
    pool = ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1)
    try:
        futures = [
            pool.submit(_build, build, processes, on_line, cancel) for build in builds
        ]
        results = [future.result() for future in futures]
    except BaseException:
        cancel.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    failures = [result for result in results if isinstance(result, KarstError)]
    if failures:
        raise _together(failures)
    return tuple(result for result in results if isinstance(result, BuiltImage))


def _build(
    build: ImageBuild,
    processes: Processes,
    on_line: Callable[[str, str], None] | None,
    cancel: threading.Event,
) -> BuiltImage | KarstError:
    def tell(line: str) -> None:
        if on_line is not None:
            on_line(build.service, line)

    outcome = processes.run(build.command, on_line=tell, cancel=cancel)
    if outcome.ok:
        return BuiltImage(build.service, build.image, outcome.seconds)
    return _failure(build, outcome)


def _failure(build: ImageBuild, outcome: Outcome) -> KarstError:
    output = (outcome.stdout + outcome.stderr).rstrip()
    where = f"service '{build.service}'"
    detail = "\n".join(output.splitlines()[-LAST_LINES:])
    if "no space left" in output.lower():
        return disk_full(f"{where}, building its image", detail=detail)
    if "Cannot connect to the Docker daemon" in output:
        return EngineError(
            "the Docker engine does not answer",
            where=where,
            remedy="start it, or name another with DOCKER_HOST or target.docker_host",
            detail=detail,
        )
    remedy = next(
        (text for marks, text in _REMEDIES if any(mark in output for mark in marks)),
        "the lines below are the build's last; correct what they name in its repository",
    )
    return BuildError(
        "the image does not build", where=where, remedy=remedy, detail=detail
    )


def _together(failures: list[KarstError]) -> KarstError:
    if len(failures) == 1 or not all(isinstance(f, BuildError) for f in failures):
        return next((f for f in failures if not isinstance(f, BuildError)), failures[0])
    return BuildError(
        f"{len(failures)} images do not build",
        where=", ".join(failure.where for failure in failures),
        remedy="each is told below",
        detail="\n".join(str(failure) for failure in failures),
    )
