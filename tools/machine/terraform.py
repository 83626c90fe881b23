"""Terraform (or OpenTofu) and its Docker provider."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from machine.golang import build_go
from machine.part import LeftToUser, Machine, State

PROVIDER_VERSION = "4.6.0"
SOURCE = "kreuzwerker/docker"
REQUIREMENT = f"""\
terraform {{
  required_providers {{
    docker = {{
      source  = "{SOURCE}"
      version = "{PROVIDER_VERSION}"
    }}
  }}
}}
"""


def find_terraform(machine: Machine) -> str | None:
    """Return the path of terraform or tofu, in this order."""
    return machine.which("terraform") or machine.which("tofu")


@dataclass(frozen=True)
class Terraform:
    """Terraform, or OpenTofu, which does the same for this purpose."""

    machine: Machine
    name: str = "terraform"
    needs: tuple[str, ...] = ()

    def state(self) -> State:
        program = find_terraform(self.machine)
        if program is None:
            return State(False, "neither terraform nor tofu on PATH")
        said = self.machine.output([program, "version"]) or ""
        return State(bool(said), said.splitlines()[0] if said else f"{program} fails")

    def install(self) -> None:
        target = self.machine.cache / "bin" / "tofu"
        package = "github.com/opentofu/opentofu/cmd/tofu"
        try:
            # Without this it calls itself a development version.
            link = "-X github.com/opentofu/opentofu/version.dev=no"
            build_go(self.machine, "opentofu", package, target, link=link)
        except LeftToUser as failed:
            raise LeftToUser(
                "install Terraform (developer.hashicorp.com/terraform/install) or "
                f"OpenTofu (opentofu.org/docs/intro/install); building it: {failed}"
            ) from failed


@dataclass(frozen=True)
class Provider:
    """The Docker provider, where `init` finds it.

    An ordinary machine has it from Terraform's own registry: then only that is noted.
    Where the registry can't be reached, it is built into a filesystem mirror, and
    `terraform.rc` beside the mirror is the CLI configuration that names it.
    """

    machine: Machine
    name: str = "provider"
    needs: tuple[str, ...] = ("terraform",)

    @property
    def mirror(self) -> Path:
        return self.machine.cache / "terraform-mirror"

    @property
    def configuration(self) -> Path:
        return self.machine.cache / "terraform.rc"

    def state(self) -> State:
        program = find_terraform(self.machine)
        if program is None:
            return State(False, "no Terraform to ask")
        address = self._address(program)
        if address and self._binary(program, address).is_file():
            if self._configured():
                return State(True, f"{SOURCE} {PROVIDER_VERSION} in the mirror")
            return State(False, f"{self.configuration} does not name the mirror")
        if address and self._note.is_file() and self._note.read_text() == address:
            return State(True, f"{SOURCE} {PROVIDER_VERSION} by terraform init")
        return State(False, f"{SOURCE} {PROVIDER_VERSION} not seen yet")

    def install(self) -> None:
        program = find_terraform(self.machine)
        address = self._address(program) if program else None
        if program is None or address is None:
            raise LeftToUser("`terraform providers` does not answer: see what it says")
        binary = self._binary(program, address)
        if not binary.is_file():
            if self._init_finds_it(program):
                self._note.parent.mkdir(parents=True, exist_ok=True)
                self._note.write_text(address)
                return
            package = "github.com/terraform-providers/terraform-provider-docker"
            build_go(self.machine, "provider", package, binary)
        self.configuration.write_text(cli_configuration(self.mirror))

    @property
    def _note(self) -> Path:
        return self.machine.cache / f"provider-{PROVIDER_VERSION}-by-init"

    def _configured(self) -> bool:
        try:
            text = self.configuration.read_text()
        except OSError:
            return False
        return text == cli_configuration(self.mirror)

    def _binary(self, program: str, address: str) -> Path:
        said = self.machine.output([program, "version", "-json"]) or "{}"
        platform: str = json.loads(said).get("platform", "unknown")
        name = f"terraform-provider-docker_v{PROVIDER_VERSION}"
        return self.mirror / address / PROVIDER_VERSION / platform / name

    def _address(self, program: str) -> str | None:
        """The provider's full address; its host is the program's own default."""
        with _scratch() as folder:
            said = self.machine.output([program, f"-chdir={folder}", "providers"])
        return provider_address(said or "")

    def _init_finds_it(self, program: str) -> bool:
        with _scratch() as folder:
            argv = [program, f"-chdir={folder}", "init", "-input=false", "-no-color"]
            return self.machine.output(argv, timeout=180) is not None


class _scratch:
    """A folder that requires the provider and nothing else, removed at the end."""

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="karstkit-"))
        (self._path / "main.tf").write_text(REQUIREMENT)
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def provider_address(text: str) -> str | None:
    """Find HOST/kreuzwerker/docker in the output of `terraform providers`."""
    found = re.search(rf"provider\[([^\]\s/]+/{re.escape(SOURCE)})\]", text)
    return found[1] if found else None


def cli_configuration(mirror: Path) -> str:
    """Return a Terraform CLI configuration that takes the provider from `mirror`."""
    path = json.dumps(str(mirror))
    return (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {path}\n"
        f'    include = ["{SOURCE}"]\n'
        "  }\n"
        "  direct {\n"
        f'    exclude = ["{SOURCE}"]\n'
        "  }\n"
        "}\n"
    )
