"""What each task comes to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from karst.cli.step_files import PipelineJob
from karst.cli.step_opening import (
    Opening,
    Surroundings,
    open_step,
    refuse_passing,
)
from karst.context.run_context import RunContext
from karst.errors import EngineError, KarstError, TerraformError
from karst.fetch.lock_file import lock_path, write_lock
from karst.forges.publishing import CommentHeader
from karst.pipeline.receipts import make_limited_receipt
from karst.pipeline.step_limited import limited_report
from karst.pipeline.step_posting import FILE, read_posted, write_posted
from karst.pipeline.step_review import Request, Reviewing
from karst.pipeline.step_telling import Telling
from karst.report.escaping import names
from karst.report.model import Mode, PlanReport, RunReport


def plan(opening: Opening) -> None:
    """Plan; where that fails, the request's comment and the summary say why."""
    try:
        report = _plan(opening)
    except KarstError as error:
        opening.telling.failed_plan(error, opening.reviewing)
        raise
    if opening.context.is_restricted:
        name = f"{opening.spec.name}/{FILE}"
        opening.job.artifact(name, write_posted(report))


def _plan(opening: Opening) -> PlanReport:
    """Where state or engine can't be had, compare the two repos.yaml."""
    if not opening.is_of_request:
        return open_step(opening).plan()
    if opening.trusted.spec.state.backend == "local":
        note = "no lasting state is named, so this is what the request changes of repos.yaml, not of what runs"
        return _plan_limited(opening, note)
    try:
        step = open_step(opening)
        return step.plan()
    except (EngineError, TerraformError) as error:
        # A stranger's run has no way to the engine, nor the state's credentials.
        if not (opening.context.is_restricted or isinstance(error, EngineError)):
            raise
        told = ". ".join(filter(None, (_unreached(error), error.remedy)))
        opening.job.notice("warning", told, where=error.where)
        return _plan_limited(opening, _unreached(error))


def _unreached(error: KarstError) -> str:
    return f"made without state and engine, from the two repos.yaml alone: {error.what}"


def _plan_limited(opening: Opening, note: str) -> PlanReport:
    before, pins = opening.base
    reviewing, telling = opening.reviewing, opening.telling
    report = limited_report(
        before,
        opening.spec,
        (pins, opening.lock),
        target=opening.target,
        label=opening.inputs.label,
        alerts=opening.trusted.alerts,
        notes=(note, *opening.notes),
    )
    receipt = None
    if occasion := reviewing.occasion:
        locks = (pins, opening.lock)
        made = make_limited_receipt(before, opening.spec, locks, occasion)
        receipt = reviewing.kept(made)
    telling.plan(report)
    telling.comment(report, receipt, reviewing)
    return report


def apply(opening: Opening) -> None:
    refuse_passing(opening)
    open_step(opening).apply()


def e2e(opening: Opening) -> None:
    """Deploy everything beside what runs, prove it, remove it; raises what was wrong."""
    from karst.pipeline.e2e import e2e as run
    from karst.pipeline.e2e import explain

    step = open_step(opening)
    outcome = run(
        step.tools,
        step.spec,
        step.settings,
        opening.lock,
        seconds=opening.inputs.timeout,
    )
    step.telling.run(replace(outcome.report, label=opening.inputs.label))
    if error := explain(outcome):
        raise error


def drift(opening: Opening) -> None:
    """Say what is no longer as it was applied, and keep one issue about it."""
    from karst.pipeline.drifting import look_for_drift

    step = open_step(opening)
    with step.tools.alone():
        found = look_for_drift(step.tools, step.spec)
    label, target = opening.inputs.label, opening.target
    report = replace(found.report, label=label, target=target)
    step.telling.run(report)
    opening.job.output("changes", "false" if found.clean else "true")
    step.telling.issue(report, opening.reviewing.header, clean=found.clean)


def destroy(opening: Opening) -> None:
    """Remove the stack; its services' data stays."""
    from karst.pipeline.destroying import destroy as remove

    step = open_step(opening)
    with step.tools.alone():
        step.tools.session.prepare()
        outcome = remove(step.tools, step.spec, volumes=False)
    step.telling.run(
        RunReport(
            stack=step.spec.name,
            mode="destroy",
            target=opening.target,
            label=opening.inputs.label,
            removed=outcome.containers,
            kept_volumes=outcome.kept_volumes,
        )
    )


def lock(opening: Opening) -> None:
    """Move repos.lock on, in the workspace: a later step can make a request of it."""
    from karst.pipeline.locking import make_lock

    step, path = open_step(opening), lock_path(opening.file)
    with step.tools.alone():
        locked = make_lock(
            step.tools, step.spec, opening.settings, opening.lock, upgrade=()
        )
    changed = [each.service for each in locked.changes if not each.is_same]
    if write_lock(path, locked.lock):
        opening.job.give_away(path)
    opening.job.output("changes", "true" if changed else "false")
    told = names(changed, 50) if changed else "nothing has moved on"
    opening.job.summary(f"### `{path.name}` of `{step.spec.name}`: {told}")


def post(context: RunContext, around: Surroundings, job: PipelineJob) -> None:
    """Comment what another run has planned, on the requests of that run's commit."""
    assert context.follows  # noqa: S101  (the task says so)
    reports = read_posted(job.folder)
    if not reports:
        job.say("karst: the other run left no plan to comment")
        return
    head = context.follows.head_commit
    for facts in around.publisher.requests_of_head(head):
        if facts.head_repository != context.follows.head_repository:
            continue
        for report in reports:
            telling = Telling(
                job,
                report.stack,
                report.target,
                report.label,
                context.run_url,
                around.inputs.comment,
                around.publisher,
            )
            header = CommentHeader(report.stack, report.target, report.label)
            request = Request(facts.number, head)
            reviewing = Reviewing(
                context, header, around.publisher, request, signs=False
            )
            telling.comment(report, None, reviewing)


def tell_failure(opening: Opening, error: KarstError) -> None:
    """A summary of what ended before it had anything to tell."""
    mode = _MODES.get(opening.task.work)
    if mode and not opening.job.has_summary:
        with suppress(KarstError):
            opening.telling.failed_run(mode, error)


_MODES: dict[str, Mode] = {
    "apply": "apply",
    "e2e": "e2e",
    "destroy": "destroy",
    "drift": "drift",
}
WORK: dict[str, Callable[[Opening], None]] = {
    "plan": plan,
    "apply": apply,
    "e2e": e2e,
    "destroy": destroy,
    "drift": drift,
    "lock": lock,
}
