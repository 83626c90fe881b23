"""`karst step`: a pipeline's step, from its variables to its exit code."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from karst.cli.step_github import GitHubJob
from karst.config.inputs import Inputs, read_inputs
from karst.context.github import read_github_context
from karst.context.payload import LONGEST, parse_event
from karst.context.run_context import RunContext
from karst.errors import ConfigError, KarstError
from karst.pipeline.step_task import Task, decide

if TYPE_CHECKING:
    from karst.cli.wiring import Workbench

DEFAULT_ARTIFACTS = ".karst/artifacts"


def step_command() -> int:
    """Do what the event and the inputs ask for; returns the exit code."""
    environ = dict(os.environ)
    context = read_github_context(environ, _event(environ))
    job = GitHubJob(environ, context.workspace, _artifacts(environ, context.workspace))
    job.open()
    try:
        _obey(context, environ, job)
    except KarstError as error:
        # Told here, while the runner obeys nobody: the words may be a stranger's.
        text = "\n".join(filter(None, (error.what, error.remedy)))
        job.notice("error", text, where=error.where)
        job.say(f"karst: {error}")
        code = error.exit_code
    else:
        code = 0
    job.close()
    return code


def _obey(context: RunContext, environ: Mapping[str, str], job: GitHubJob) -> None:
    inputs = read_inputs(environ)
    job.mask(inputs.secrets)
    task = decide(context, inputs.command)
    job.say(f"karst: {task.work}: {task.why}")
    with _time_limit(inputs.timeout):
        _run(task, context, inputs, environ, job)


def _run(
    task: Task,
    context: RunContext,
    inputs: Inputs,
    environ: Mapping[str, str],
    job: GitHubJob,
) -> None:
    if task.work == "nothing":
        return
    from karst.effects.workspace import temporary_directory
    from karst.pipeline.step import Step

    with temporary_directory("karst-step-") as scratch:
        bench = _workbench(context, inputs, environ, job, scratch)
        step = Step(bench.tools, bench.spec, bench.settings, context, inputs, job)
        if task.work == "plan":
            step.plan()
        elif task.work == "apply":
            step.apply()
        else:
            raise ConfigError(f"'{task.work}' can't be done by this version")


def _workbench(
    context: RunContext,
    inputs: Inputs,
    environ: Mapping[str, str],
    job: GitHubJob,
    scratch: Path,
) -> Workbench:
    from dataclasses import replace

    from karst.cli.wiring import assemble_workbench, read_spec_text, secret_values
    from karst.config.parse import parse_stack
    from karst.config.settings import read_settings

    # Everything that karst keeps for itself goes where the job ends with it: what it
    # left in the workspace, as root, the runner could not remove.
    flags = {"KARST_STATE_DIR": str(scratch / "state")}
    settings = read_settings(environ, None, flags)
    file = context.workspace / inputs.file
    spec = parse_stack(
        read_spec_text(file),
        source=inputs.file,
        default_name=context.name,
        default_network=settings.docker_network_name,
        ports=settings.ports,
    )
    config = {k: v.reveal() for k, v in inputs.backend_config.items()}
    state = replace(spec.state, config={**spec.state.config, **config})
    spec = replace(spec, state=state)
    secrets = secret_values(spec, environ, None)
    job.mask(tuple(secrets.values()))
    return assemble_workbench(
        spec, settings, environ, secrets, job, file.parent, context
    )


def _event(environ: Mapping[str, str]) -> Mapping[str, object]:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise ConfigError(
            "this is no job of a pipeline: there is no event",
            where="GITHUB_EVENT_PATH",
            remedy="`karst step` is for pipelines; on a terminal use `karst plan` and `karst deploy`",
        )
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the event's file can't be read ({error})", where="GITHUB_EVENT_PATH"
        ) from None
    return parse_event(text, where="GITHUB_EVENT_PATH")


def _artifacts(environ: Mapping[str, str], workspace: Path) -> Path:
    named = Path(environ.get("KARST_ARTIFACTS") or DEFAULT_ARTIFACTS)
    folder = Path(os.path.normpath(workspace / named))
    if folder == workspace or not folder.is_relative_to(workspace):
        raise ConfigError(
            "the artifact folder is not below the workspace",
            where=f"KARST_ARTIFACTS={named}",
            remedy="name a folder of its own, such as .karst/artifacts",
        )
    return folder


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End the run as a cancelled one after `seconds`, so that it cleans up."""

    def expire(_number: int, _frame: FrameType | None) -> NoReturn:
        raise ConfigError(
            f"the step took longer than {seconds:g} s",
            where="input timeout",
            remedy="run it again: it goes on from there; a longer 'timeout' may be what it needs",
        )

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
