"""From a job's facts to the Step: whose files, whose target, whose comment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from karst.cli.output import PlainProgress
from karst.cli.own_files import read_spec_text
from karst.cli.places import forge_secrets
from karst.cli.step_base import (
    Base,
    base_reader,
    find_request,
    parse_spec,
    read_base,
    read_beginning,
)
from karst.cli.step_environment import step_environment
from karst.cli.step_files import PipelineJob
from karst.cli.wiring import (
    Workbench,
    assemble_workbench,
    secret_values,
)
from karst.config.addresses import hide_password
from karst.config.inputs import CommentMode, Inputs
from karst.config.settings import Settings, read_settings
from karst.config.spec import StackSpec
from karst.context.engine_at_hand import beside, is_ephemeral
from karst.context.run_context import RunContext
from karst.effects.process import Processes
from karst.errors import ConfigError
from karst.fetch.lock import RepoLock
from karst.fetch.lock_file import lock_path, read_lock
from karst.forges.pipelines import open_publisher, open_signing
from karst.forges.publishing import CommentHeader, Publisher
from karst.pipeline.sources import Places, open_sources
from karst.pipeline.step import Step
from karst.pipeline.step_asked import request_slug
from karst.pipeline.step_review import Request, Reviewing
from karst.pipeline.step_task import Task
from karst.pipeline.step_telling import Telling
from karst.pipeline.trust import (
    Trusted,
    backend_secrets,
    refuse_leaving,
    refuse_outside,
    refuse_own_credentials,
    refuse_state_credentials,
    state_secrets,
    trust,
)

_UNREVIEWED_EVENTS = ("request", "queue")


@dataclass(frozen=True)
class Opening:
    """What is known before any engine is asked.

    Attributes:
        environ: the job's variables, inputs in their places.
        base: the base branch's stack and pins, where this is about a request.
    """

    task: Task
    context: RunContext
    inputs: Inputs
    job: PipelineJob
    environ: Mapping[str, str]
    settings: Settings
    file: Path
    spec: StackSpec
    trusted: Trusted
    lock: RepoLock
    publisher: Publisher
    base: Base
    request: Request | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_of_request(self) -> bool:
        return self.context.event in _UNREVIEWED_EVENTS

    @property
    def target(self) -> str:
        host = self.trusted.spec.target.docker_host
        return hide_password(host) if host else ""

    @property
    def telling(self) -> Telling:
        mode: CommentMode = self.inputs.comment if self.task.comments else "off"
        return Telling(
            self.job,
            self.spec.name,
            self.target,
            self.inputs.label,
            self.context.run_url,
            mode,
            self.publisher,
        )

    @property
    def reviewing(self) -> Reviewing:
        signer, verifier = open_signing(self.context, self.environ)
        return Reviewing(
            self.context,
            CommentHeader(self.spec.name, self.target, self.inputs.label),
            self.publisher,
            self.request,
            self.inputs.receipt_key,
            signs=not self.context.is_restricted,
            base=self.base,
            lock=self.lock,
            token_signer=signer,
            token_verifier=verifier,
        )


@dataclass(frozen=True)
class Surroundings:
    """What every task has: the variables with the inputs in their places, the forge."""

    inputs: Inputs
    environ: Mapping[str, str]
    settings: Settings
    publisher: Publisher
    scratch: Path


def read_surroundings(
    context: RunContext, inputs: Inputs, environ: Mapping[str, str], scratch: Path
) -> Surroundings:
    """Read settings, and make the forge ready to be asked; raises ConfigError."""
    environ = step_environment(environ, inputs, scratch)
    environ |= beside(environ, os.path.exists)
    # What karst keeps for itself goes where it ends with the step: what it left in the
    # workspace, as root, the runner could not remove.
    flags = {"KARST_STATE_DIR": str(scratch / "state")}
    publisher = open_publisher(context, environ)
    settings = read_settings(environ, None, flags)
    return Surroundings(inputs, environ, settings, publisher, scratch)


def fetch_request(
    around: Surroundings, context: RunContext, job: PipelineJob
) -> RunContext:
    """The context with the request's own files as its workspace; raises FetchError."""
    slug = request_slug(context)
    job.step(f"fetching {slug}")
    sources = open_sources(
        around.settings,
        Processes(around.environ),
        Places(context.workspace, around.scratch / "cache"),
        job.line,
    )
    source = sources.of(slug)
    checkout = source.fetch(source.resolve(slug, ""), around.scratch / "request")
    return replace(context, workspace=checkout.root)


def read_opening(
    task: Task, context: RunContext, around: Surroundings, job: PipelineJob
) -> Opening:
    """Read everything that the workspace and the base branch say; raises KarstError."""
    inputs, environ = around.inputs, around.environ
    settings, publisher = around.settings, around.publisher
    file = context.workspace / inputs.file
    refuse_outside(file, context.workspace, where=inputs.file)
    spec = parse_spec(read_spec_text(file), inputs, context, settings)
    refuse_leaving(spec, file, context.workspace)
    refuse_outside(lock_path(file), context.workspace, where=lock_path(file).name)
    lock = read_lock(lock_path(file)) or RepoLock()
    base: Base = (None, RepoLock())
    notes: tuple[str, ...] = ()
    trusted = Trusted(spec)
    if context.event in _UNREVIEWED_EVENTS:
        read = base_reader(publisher, context.workspace, Processes(environ))
        base, notes = read_base(read, inputs, context, settings)
        trusted = trust(spec, base[0])
        base, context = read_beginning(
            task, context, publisher, read, inputs, settings, base
        )
    refuse_state_credentials(trusted.spec)
    own = (*inputs.credentials, *backend_secrets(inputs.backend_config))
    refuse_own_credentials(trusted.spec, environ, own)
    job.mask((*forge_secrets(settings), *state_secrets(trusted.spec, environ)))
    config = {k: v.reveal() for k, v in inputs.backend_config.items()}
    state = trusted.spec.state
    state = replace(state, config={**state.config, **config})
    trusted = replace(trusted, spec=replace(trusted.spec, state=state))
    return Opening(
        task=task,
        context=context,
        inputs=inputs,
        job=job,
        environ=environ,
        settings=settings,
        file=file,
        spec=spec,
        trusted=trusted,
        lock=lock,
        publisher=publisher,
        base=base,
        request=find_request(context, publisher),
        notes=notes,
    )


def open_step(opening: Opening) -> Step:
    """The step with engine and Terraform at hand; raises KarstError."""
    bench = _bench(opening, opening.job)
    return Step(
        tools=bench.tools,
        spec=bench.spec,
        settings=opening.settings,
        context=opening.context,
        inputs=opening.inputs,
        lock=opening.lock,
        reviewing=opening.reviewing,
        telling=opening.telling,
        alerts=opening.trusted.alerts,
        notes=opening.notes,
    )


def _bench(opening: Opening, progress: PlainProgress) -> Workbench:
    spec = opening.trusted.spec
    secrets = secret_values(spec, opening.environ, None)
    opening.job.mask(tuple(secrets.values()))
    # A plan needs no secret's value, and a request's text gets none.
    if opening.is_of_request:
        secrets = {}
    return assemble_workbench(
        spec,
        opening.settings,
        opening.environ,
        secrets,
        progress,
        opening.file.parent,
        opening.context,
        opening.file,
    )


def refuse_passing(opening: Opening) -> None:
    """Raise ConfigError where what an apply makes would end with the job."""
    spec = opening.trusted.spec
    if spec.state.backend == "local":
        raise ConfigError(
            "the state would end with this job: repos.yaml does not say where it is kept",
            where=f"{opening.inputs.file} state",
            remedy="write `state: {backend: target}` to keep it on the engine that the stack runs on, or name pg, s3 or another backend of Terraform's",
        )
    host = spec.target.docker_host or opening.settings.docker_host
    if is_ephemeral(opening.environ, host):
        raise ConfigError(
            "this runner's engine ends with the job, and the stack with it",
            where=f"{opening.inputs.file} target",
            remedy="name a remote engine (`target: {docker_host: 'ssh://user@host'}`), use a runner of your own, or ask for `command: e2e`, which removes what it deployed",
        )
