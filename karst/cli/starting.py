"""init and doctor: the first two minutes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from karst.cli.first_file import FIRST, fit_first
from karst.cli.output import print_document, say
from karst.cli.programs import cli_config, terraform_program
from karst.cli.wiring import (
    load_settings,
    load_spec,
    open_engine,
    sidecar_reference,
)
from karst.command import Command
from karst.config.parse import parse_stack
from karst.config.settings import Settings
from karst.config.spec import StackSpec
from karst.effects.engine import ASK_DOCTOR, Engine
from karst.effects.process import Processes
from karst.effects.signals import limited
from karst.effects.workspace import atomic_write
from karst.errors import ConfigError, EngineError, KarstError, ToolMissingError
from karst.pipeline.checks import find_clashes, free_subnets
from karst.report.escaping import count

_IGNORED = (".karst/", "secrets/", ".env")
# A file to begin with is worth no longer a wait: an engine's address may be stale.
_ENGINE_SECONDS = 30.0


def init_command(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise ConfigError(
            "the file is there already",
            where=str(file),
            remedy="edit it, or write over it with --force",
        )
    atomic_write(file, _first(file))
    ignore = file.parent / ".gitignore"
    present = ignore.read_text().splitlines() if ignore.is_file() else []
    lacking = [line for line in _IGNORED if line not in present]
    if lacking:
        atomic_write(ignore, "\n".join([*present, *lacking]) + "\n")
    say(f"Wrote {file}. Next: `karst doctor`, then `karst plan`.")


def _first(file: Path) -> str:
    """What the engine at hand can take; where none answers, `karst doctor` says so."""
    try:
        settings = load_settings()
        spec = parse_stack(
            FIRST,
            source=str(file),
            default_name=file.resolve().parent.name,
            default_network=settings.docker_network_name,
        )
        with limited(_ENGINE_SECONDS, EngineError("the engine is slow")):
            engine, _ = open_engine(settings.docker_host, dict(os.environ), settings)
            return fit_first(engine, spec)
    except KarstError:
        return FIRST


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, and what to do where it is not well."""

    part: str
    well: bool
    found: str
    remedy: str = ""


def doctor_command(file: Path, *, as_json: bool) -> int:
    """Exit 0 where everything needed is here."""
    settings = load_settings()
    processes = Processes(dict(os.environ))
    findings = [_terraform(settings, processes)]
    findings.append(_mirror())
    spec = _readable(file, settings)
    host = (spec.target.docker_host if spec else None) or settings.docker_host
    clashes: list[Finding] = []
    try:
        engine, way = open_engine(host, dict(os.environ), settings)
        processes = Processes(way.environ)
        findings += _engine(engine, sidecar_reference(settings))
        clashes += _clashes(engine, spec) if spec else []
    except KarstError as error:
        findings.append(_no_engine(error))
    findings.append(_builder(processes))
    findings.append(_file(file))
    findings += clashes
    if as_json:
        print_document([f.__dict__ for f in findings])
    else:
        for finding in findings:
            mark = "ok  " if finding.well else "MISS"
            say(f"{mark}  {finding.part:<10} {finding.found}")
            if finding.remedy and not finding.well:
                say(f"      {'':<10} -> {finding.remedy}")
    return 0 if all(f.well for f in findings) else ToolMissingError.exit_code


def _terraform(settings: Settings, processes: Processes) -> Finding:
    try:
        program = terraform_program(settings, processes)
        outcome = processes.run(Command((program, "version"), timeout=30))
    except ToolMissingError as error:
        return Finding("terraform", False, error.what, error.remedy)
    return Finding("terraform", outcome.ok, outcome.stdout.partition("\n")[0])


def _mirror() -> Finding:
    config = cli_config(os.environ)
    if config:
        return Finding("provider", True, "from the local mirror")
    return Finding("provider", True, "from Terraform's registry, at the first plan")


def _readable(file: Path, settings: Settings) -> StackSpec | None:
    """What repos.yaml says, where there is one that can be read."""
    try:
        return load_spec(file, settings, None)
    except KarstError:
        return None


def _no_engine(error: KarstError) -> Finding:
    """With its cause, and without the advice to ask who is asked already."""
    cause = " ".join(error.detail.split())
    found = f"{error.what}: {cause}" if cause else error.what
    return Finding("engine", False, found, error.remedy.removesuffix(ASK_DOCTOR))


def _engine(engine: Engine, sidecar: str) -> list[Finding]:
    taken = [s for n in engine.networks() for s in n.subnets if ":" not in s]
    found = [
        Finding("engine", True, f"{engine.version} at {engine.host}"),
        Finding(
            "networks",
            True,
            f"taken: {', '.join(taken) or 'none'}; free: {', '.join(free_subnets(engine.networks()))}",
        ),
    ]
    image = engine.image(sidecar)
    found.append(
        Finding(
            "sidecar",
            image is not None,
            sidecar if image else f"{sidecar} is not on the engine",
            "`make bootstrap` builds it; elsewhere it is pulled at the first apply",
        )
    )
    return found


def _clashes(engine: Engine, spec: StackSpec) -> list[Finding]:
    """What a plan would be refused for, in its own words."""
    return [
        Finding("clash", False, f"{clash.where}: {clash.what}", clash.remedy)
        for clash in find_clashes(engine, spec)
    ]


def _builder(processes: Processes) -> Finding:
    from karst.build.image import detect_builder

    try:
        builder = detect_builder(processes)
    except KarstError as error:
        return Finding("builder", False, error.what, error.remedy)
    return Finding("builder", True, f"{builder.kind} by {builder.program}")


def _file(file: Path) -> Finding:
    try:
        spec = load_spec(file, load_settings(), None)
    except KarstError as error:
        return Finding(str(file), False, str(error.what), error.remedy)
    services = count(len(spec.services), "service")
    return Finding(str(file), True, f"stack {spec.name}, {services}")
