"""What each task comes to."""

from __future__ import annotations

from collections.abc import Callable

from karst.cli.step_opening import Opening, open_step, refuse_passing
from karst.errors import ConfigError, EngineError, KarstError, TerraformError
from karst.pipeline.receipts import make_limited_receipt
from karst.pipeline.step_limited import limited_report
from karst.pipeline.step_posting import FILE, write_posted
from karst.report.model import PlanReport


def plan(opening: Opening) -> None:
    """Plan; where state or engine can't be had, compare the two repos.yaml."""
    if not opening.is_of_request:
        report = open_step(opening).plan()
    elif opening.trusted.spec.state.backend == "local":
        note = "no lasting state is named, so this is what the request changes of repos.yaml, not of what runs"
        report = _plan_limited(opening, note)
    else:
        report = _plan_request(opening)
    if opening.context.is_restricted:
        name = f"{opening.spec.name}/{FILE}"
        opening.job.artifact(name, write_posted(report))


def _plan_request(opening: Opening) -> PlanReport:
    try:
        step = open_step(opening)
        return step.plan()
    except (EngineError, TerraformError) as error:
        # A stranger's run has no way to the engine, nor the state's credentials.
        if not (opening.context.is_restricted or isinstance(error, EngineError)):
            raise
        opening.job.notice("warning", _unreached(error), where=error.where)
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


def _not_yet(opening: Opening) -> None:
    raise ConfigError(
        f"'{opening.task.work}' can't be done by this version",
        where="input command",
        remedy="use plan or apply",
    )


WORK: dict[str, Callable[[Opening], None]] = {
    "plan": plan,
    "apply": apply,
    "e2e": _not_yet,
    "destroy": _not_yet,
    "drift": _not_yet,
    "lock": _not_yet,
    "post": _not_yet,
}
