"""Which Terraform runs, and where `make bootstrap` put what this machine lacked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karst.config.settings import Settings
from karst.effects.process import Processes
from karst.errors import ToolMissingError


def terraform_program(settings: Settings, processes: Processes) -> str:
    """Terraform, or OpenTofu where that is what there is."""
    if settings.terraform:
        if not processes.find_programs(settings.terraform):
            raise ToolMissingError(
                f"there is no program '{settings.terraform}'",
                where="KARST_TERRAFORM",
                remedy="correct the path, or unset it: then terraform or tofu on PATH is used",
            )
        return settings.terraform
    for name in ("terraform", "tofu"):
        if processes.find_programs(name):
            return name
    built = _cache(processes.environ) / "bin" / "tofu"
    return str(built) if built.is_file() else "terraform"


def cli_config(environ: Mapping[str, str]) -> Path | None:
    """The CLI configuration with a provider mirror that `make bootstrap` wrote."""
    file = _cache(environ) / "terraform.rc"
    return file if file.is_file() else None


def _cache(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or str(Path.home())
    return Path(environ.get("KARST_CACHE") or f"{home}/.cache/karstkit")
