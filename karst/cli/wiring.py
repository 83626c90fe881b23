"""From flags, environment and repos.yaml to the tools of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from string import Template

import karst
from karst.cli.output import PlainProgress, open_progress
from karst.cli.own_files import read_dotenv, read_spec_text, refuse_committed
from karst.cli.places import fetched_folder, forge_secrets
from karst.cli.programs import cli_config, terraform_program
from karst.config.checks.names import is_label
from karst.config.parse import parse_stack
from karst.config.settings import Settings, read_settings
from karst.config.spec import StackSpec
from karst.context.engine_at_hand import why_no_engine
from karst.context.local import read_local_context
from karst.context.run_context import RunContext
from karst.effects.clock import Clock
from karst.effects.engine import Engine, connect
from karst.effects.engine_way import EngineWay, SshAccess, open_way
from karst.effects.process import Processes
from karst.errors import ConfigError, EngineError, UsageError
from karst.fetch.lock_file import lock_path
from karst.forges.states import resolve_state
from karst.pipeline.sources import Places, open_sources
from karst.pipeline.tools import Tools
from karst.pki import FolderFiles, SecretsStore, StackAuthorities, TargetFiles
from karst.secret import Secret
from karst.terraform import Session
from karst.terraform.target_state import TargetStateKeeper


@dataclass(frozen=True)
class Workbench:
    """What a command needs: the stack as written, the settings, the doors.

    `lock_file` is where repos.lock is, or would be.
    """

    spec: StackSpec
    settings: Settings
    environ: Mapping[str, str]
    tools: Tools
    progress: PlainProgress
    lock_file: Path

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Take the progress down however the work ends: a bar hides the cursor."""
        try:
            yield
        finally:
            self.progress.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The same, with other runs kept off the stack."""
        with self.shown(), self.tools.alone():
            yield


def data_folder(name: str) -> Path:
    """`infra` or `proto`: within the installed package, else in the source tree."""
    package = Path(karst.__file__).parent
    installed = package / "_data" / name
    return installed if installed.is_dir() else package.parent / name


def load_settings(flags: Mapping[str, str | None] | None = None) -> Settings:
    context = read_local_context(os.environ, Path.cwd(), sys.stderr.isatty())
    dotenv = read_dotenv(Path.cwd(), wanted=context.reads_dotenv)
    return read_settings(os.environ, dotenv, flags or {})


def load_spec(file: Path, settings: Settings, stack: str | None) -> StackSpec:
    """Read and parse repos.yaml; raises ConfigError, UsageError for a bad `stack`."""
    if stack is not None and not is_label(stack):
        raise UsageError(
            f"'{stack}' is no name for a stack",
            where="--stack",
            remedy="use lowercase letters, digits and '-', at most 40 characters",
        )
    text = read_spec_text(file)
    spec = parse_stack(
        text,
        source=str(file),
        default_name=stack or file.resolve().parent.name,
        default_network=settings.docker_network_name,
        ports=settings.ports,
    )
    return replace(spec, name=stack) if stack else spec


def open_workbench(
    file: Path, *, stack: str | None = None, verbose: bool = False
) -> Workbench:
    """Everything a command needs; raises KarstError where a part is not to be had."""
    environ = dict(os.environ)
    context = read_local_context(environ, Path.cwd(), sys.stderr.isatty())
    dotenv = read_dotenv(Path.cwd(), wanted=context.reads_dotenv)
    settings = read_settings(environ, dotenv, {})
    spec = load_spec(file, settings, stack)
    secrets = secret_values(spec, environ, dotenv)
    hidden = (*secrets.values(), *forge_secrets(settings))
    level = "DEBUG" if verbose else settings.log_level
    progress = open_progress(hidden, interactive=context.is_interactive, level=level)
    root = file.resolve().parent
    if not settings.state_dir.is_absolute():
        refuse_committed(root, str(settings.state_dir))
    return assemble_workbench(
        spec, settings, environ, secrets, progress, root, file=file
    )


def assemble_workbench(
    spec: StackSpec,
    settings: Settings,
    environ: Mapping[str, str],
    secrets: Mapping[str, Secret],
    progress: PlainProgress,
    root: Path,
    context: RunContext | None = None,
    file: Path | None = None,
) -> Workbench:
    """Put the tools of a run together; raises KarstError where one is not to be had.

    Args:
        root: the folder of repos.yaml.
        context: where a pipeline runs, so that nothing leaves its workspace; None is a
            terminal.
        file: repos.yaml, where it is not called so.
    """
    file = file or root / "repos.yaml"
    lock = lock_path(file)
    host = spec.target.docker_host or settings.docker_host
    engine, way = open_engine(host, environ, settings)
    processes = Processes(way.environ)
    templates = data_folder("infra") / "templates"
    tools = Tools(
        engine=engine,
        processes=processes,
        session=_session(spec, settings, processes, engine, way.endpoint, root),
        clock=Clock(),
        progress=progress,
        authorities=_authorities(
            settings,
            None if context else root,
            TargetFiles(engine, sidecar_reference(settings), spec.name),
        ),
        root=root,
        sidecar_image=sidecar_reference(settings),
        bootstrap=Template((templates / "envoy.yaml.tmpl").read_text()),
        app_template=(templates / "app.Dockerfile.tmpl").read_text(),
        leaf_lifetime=timedelta(days=settings.leaf_days),
        secret_values=secrets,
        sources=open_sources(
            settings,
            processes,
            Places(
                root,
                fetched_folder(settings, environ, root, context),
                within=context.workspace if context else None,
                leave_out=(file, lock),
            ),
            progress.line,
        ),
    )
    return Workbench(spec, settings, environ, tools, progress, lock)


def open_engine(
    host: str | None, environ: Mapping[str, str], settings: Settings
) -> tuple[Engine, EngineWay]:
    """The engine, and the way that every other client of it takes, too."""
    key = settings.ssh_key.reveal() if settings.ssh_key else ""
    try:
        way = open_way(host, environ, SshAccess(key, settings.ssh_known_hosts or ""))
        engine = connect(way.endpoint, way.environ, shown=way.shown, socket=way.socket)
    except EngineError as error:
        error.remedy = why_no_engine(environ, host, os.path.exists) or error.remedy
        raise
    return engine, way


def sidecar_reference(settings: Settings) -> str:
    from karst.build.sidecar import sidecar_tag

    return settings.sidecar_image or sidecar_tag()


def _session(
    spec: StackSpec,
    settings: Settings,
    processes: Processes,
    engine: Engine,
    endpoint: str,
    root: Path,
) -> Session:
    keeper = None
    if spec.state.backend == "target":
        keeper = TargetStateKeeper(engine, sidecar_reference(settings), spec.name)
    state, credentials = resolve_state(spec.state, spec.name, processes.environ)
    if credentials:
        environ = {**processes.environ, **credentials}
        processes = replace(processes, environ=environ)
    # State belongs to its repos.yaml: the same from whichever folder one calls.
    return Session(
        processes=processes,
        program=terraform_program(settings, processes),
        folder=root / settings.state_dir / spec.name,
        module=data_folder("infra"),
        state=state,
        cli_config=cli_config(processes.environ),
        docker_host=endpoint,
        keeper=keeper,
    )


def _authorities(
    settings: Settings, root: Path | None, target: TargetFiles
) -> StackAuthorities:
    """A terminal keeps them in a folder, and uses what a pipeline made; a pipeline
    (no `root`) keeps them on the target, which is there after the job."""
    given = None
    if settings.ca_certificate and settings.ca_key:
        key = Secret(_pem_text(settings.ca_key.reveal()))
        given = (_pem_text(settings.ca_certificate), key)
    kept = SecretsStore(target)
    if root is None:
        return StackAuthorities(kept, given)
    folder = SecretsStore(FolderFiles(root / settings.secrets_dir))
    return StackAuthorities(folder, given, also=kept)


def _pem_text(value: str) -> str:
    """A PEM text as it is; anything else names the file that holds it."""
    if "-----BEGIN" in value:
        return value
    try:
        return Path(value).read_text()
    except OSError as error:
        raise ConfigError(
            f"the file can't be read ({error.strerror})",
            where=value,
            remedy="give PEM text, or the path of a PEM file",
        ) from None


def secret_values(
    spec: StackSpec, environ: Mapping[str, str], dotenv_text: str | None
) -> dict[str, Secret]:
    """Values of the names that services may have: the environment, then .env."""
    from karst.config.dotenv_file import parse_dotenv

    names = {name for service in spec.services for name in service.secrets}
    names |= {name for s in spec.services for name in s.build.secrets}
    for service in spec.services:
        if service.publish and service.publish.tls == "secrets":
            names |= {service.publish.certificate, service.publish.key}
    dotenv = parse_dotenv(dotenv_text) if dotenv_text else {}
    found = {}
    for name in sorted(names):
        if environ.get(name):
            found[name] = Secret(environ[name])
        elif name in dotenv and dotenv[name].text:
            found[name] = Secret(dotenv[name].text)
    return found
