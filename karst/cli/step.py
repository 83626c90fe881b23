"""`karst step`: a pipeline's step, from its variables to its exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from karst.cli.fault import UNEXPECTED, TooLateError, as_told, describe_fault
from karst.cli.step_files import PipelineJob
from karst.cli.step_github import GitHubJob
from karst.cli.step_gitlab import GitLabJob
from karst.config.inputs import Inputs, read_inputs
from karst.config.quantity import render_duration
from karst.context.github import read_github_context
from karst.context.gitlab import read_gitlab_context
from karst.context.payload import LONGEST, parse_event
from karst.context.run_context import RunContext
from karst.effects.signals import limited
from karst.errors import ConfigError, KarstError
from karst.pipeline.step_task import Task, decide

DEFAULT_ARTIFACTS = ".karst/artifacts"


def step_command() -> int:
    """Do what the event and the inputs ask for; returns the exit code."""
    environ = dict(os.environ)
    context, job = _open(environ)
    job.open()
    try:
        code = _told(context, environ, job)
    finally:
        job.hand_over()
    job.close()
    return code


def _told(context: RunContext, environ: Mapping[str, str], job: PipelineJob) -> int:
    """Do it; failures are told here, where secrets are left out, and while the runner
    obeys nobody: the words may be a stranger's."""
    try:
        _obey(context, environ, job)
    except KarstError as error:
        return _failed(error, job)
    except OSError as error:
        told = as_told(error)
        return _failed(told, job) if told else _fault(error, job)
    except Exception as error:
        return _fault(error, job)
    return 0


def _failed(error: KarstError, job: PipelineJob) -> int:
    from karst.pipeline.step_telling import failure_of
    from karst.report.summary import render_failure

    text = "\n".join(filter(None, (error.what, error.remedy)))
    job.notice("error", text, where=error.where)
    job.say(f"karst: {error}")
    if not job.has_summary:
        job.summary(render_failure(job.withhold(failure_of(error))))
    return error.exit_code


def _fault(error: Exception, job: PipelineJob) -> int:
    job.say(describe_fault(error))
    return UNEXPECTED


def _open(environ: Mapping[str, str]) -> tuple[RunContext, PipelineJob]:
    """The job that this is; GitHub's where both could be meant."""
    # GITLAB_CI is left out: a runner on a developer's machine says that it is false.
    if "GITHUB_EVENT_PATH" not in environ and "CI_PIPELINE_SOURCE" in environ:
        context = read_gitlab_context(environ)
        folder = _artifacts(environ, context.workspace)
        return context, GitLabJob(environ, context.workspace, folder)
    context = read_github_context(environ, _event(environ))
    folder = _artifacts(environ, context.workspace)
    return context, GitHubJob(environ, context.workspace, folder)


def _obey(context: RunContext, environ: Mapping[str, str], job: PipelineJob) -> None:
    inputs = read_inputs(environ)
    job.mask(inputs.secrets)
    task = decide(context, inputs.command)
    job.say(f"karst: {task.work}: {task.why}")
    with limited(inputs.timeout, _too_late(inputs.timeout)):
        _run(task, context, inputs, environ, job)


def _run(
    task: Task,
    context: RunContext,
    inputs: Inputs,
    environ: Mapping[str, str],
    job: PipelineJob,
) -> None:
    if task.work == "nothing":
        return
    from karst.cli import step_work
    from karst.cli.step_opening import fetch_request, read_opening, read_surroundings
    from karst.effects.workspace import temporary_directory
    from karst.pipeline.step_asked import resolve_asked
    from karst.pipeline.step_place import on_its_line

    with temporary_directory("karst-step-") as scratch:
        around = read_surroundings(context, inputs, environ, scratch)
        if task.asked:
            task, context = resolve_asked(task, context, around.publisher)
            job.say(f"karst: {task.work}: {task.why}")
            if task.work == "plan" and context.event == "request":
                context = fetch_request(around, context, job)
        if task.work == "post":
            step_work.post(context, around, job)
        elif task.work != "nothing":
            opening = read_opening(task, context, around, job)
            try:
                step_work.WORK[task.work](opening)
            except KarstError as error:
                error.where = on_its_line(error.where, inputs.file, opening.spec)
                step_work.tell_failure(opening, error)
                raise


def _event(environ: Mapping[str, str]) -> Mapping[str, object]:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise ConfigError(
            "this is no job of a pipeline: there is no event",
            where="GITHUB_EVENT_PATH and CI_PIPELINE_SOURCE",
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


def _too_late(seconds: float) -> TooLateError:
    return TooLateError(
        f"the step took longer than {render_duration(seconds)}",
        where="input timeout",
        remedy="run it again: it goes on from there; a longer 'timeout' may be what it needs",
    )
