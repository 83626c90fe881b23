"""The story of the step: plan what is asked for, or apply what was reviewed; and tell."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from karst.config.inputs import Inputs
from karst.config.settings import Settings
from karst.config.spec import StackSpec
from karst.context.run_context import RunContext
from karst.errors import KarstError, UnhealthyError, UnreviewedError
from karst.fetch.lock import RepoLock
from karst.health import EdgeVerdict
from karst.pipeline.applying import ApplyOutcome, apply
from karst.pipeline.collecting import ReviewedRequest
from karst.pipeline.observing import DEPLOYED_PATIENCE, judge_edges, running
from karst.pipeline.planning import plan
from karst.pipeline.receipts import choose_pins
from karst.pipeline.reporting import plan_report, run_report
from karst.pipeline.reviewing import Review, refuse_unreviewed, review
from karst.pipeline.step_comparing import compare_commits
from karst.pipeline.step_review import Reviewing
from karst.pipeline.step_telling import Telling, failure_of
from karst.pipeline.tools import Planned, Stopwatch, Tools
from karst.report.model import Alert, PlanReport, RunReport


@dataclass(frozen=True)
class Step:
    """One run of the step for one stack.

    Attributes:
        lock: repos.lock, or an empty one.
        alerts: what the request's repos.yaml would change that a plan can't show.
    """

    tools: Tools
    spec: StackSpec
    settings: Settings
    context: RunContext
    inputs: Inputs
    lock: RepoLock
    reviewing: Reviewing
    telling: Telling
    alerts: tuple[Alert, ...] = ()
    notes: tuple[str, ...] = ()

    def plan(self) -> PlanReport:
        """Plan, and say it in comment, summary, artifacts and outputs."""
        with self._alone():
            planned = plan(self.tools, self.spec, self.settings, self.lock)
            report = self._report(planned)
            receipt = self.reviewing.receipt(planned, self.tools.session)
        self.telling.plan(report)
        self.telling.comment(report, receipt, self.reviewing)
        return report

    def apply(self) -> None:
        """Apply what was reviewed, and report everybody's health.

        Raises UnreviewedError before anything changed, UnhealthyError after.
        """
        with self._alone():
            planned, reviewed = self._plan_as_reviewed()
            report = self._report(planned)
            self.telling.plan_files(report)
            found = review(planned, reviewed)
            try:
                refuse_unreviewed(
                    found,
                    self.inputs.on_unreviewed,
                    hears_comments=self.context.hears_comments,
                )
                self._warn(found)
                outcome = apply(self.tools, planned)
                if outcome.well and self.context.commit:
                    self.tools.session.record(outcome.stack, self.context.commit)
                edges, seconds = self._ask_edges(outcome)
            except KarstError as error:
                told = _failed(report, error)
                if not isinstance(error, UnreviewedError):
                    told = replace(told, unreviewed=found.whys)
                self.telling.run(told)
                raise
        told = run_report(planned, outcome, report, edges=edges)
        stages = {**outcome.stages, **({"edges": seconds} if edges else {})}
        self.telling.run(replace(told, unreviewed=found.whys, stages=stages))
        _require_health(self.spec.name, outcome)
        _require_edges(self.spec.name, edges)

    def _ask_edges(
        self, outcome: ApplyOutcome
    ) -> tuple[tuple[EdgeVerdict, ...], float]:
        """The edge matrix of a healthy stack, and the seconds that it took."""
        if not outcome.well:
            return (), 0.0
        watch = Stopwatch(self.tools.clock)
        self.tools.progress.step("asking who may call whom")
        with watch.measure("edges"):
            releases, authority = running(self.tools, self.spec)
            found = judge_edges(
                self.tools,
                authority,
                self.spec,
                releases,
                outcome.stack,
                patience=DEPLOYED_PATIENCE,
            )
        return found, watch.stages["edges"]

    def _warn(self, found: Review) -> None:
        if found.well:
            return
        lines = [f"{service}: {why}" for service, why in found.whys.items()]
        lines += [f"not counted, {void}" for void in found.voids]
        text = "applied without a review, as 'on-unreviewed: apply' wants it"
        self.telling.job.notice("warning", "\n".join([text, *lines]))

    def _plan_as_reviewed(self) -> tuple[Planned, tuple[ReviewedRequest, ...]]:
        """Plan with the commits that the receipts since the last apply have pinned."""
        self.tools.progress.step("looking for what was reviewed")
        self.tools.session.prepare()
        applied = self.tools.session.applied()
        reviewed = self.reviewing.collect(applied)
        receipts = [each.receipt for each in reviewed if each.receipt]
        pins = choose_pins(self.spec, self.lock, receipts, applied)
        return plan(self.tools, self.spec, self.settings, pins), reviewed

    def _report(self, planned: Planned) -> PlanReport:
        return plan_report(
            planned,
            target=self.telling.target,
            label=self.inputs.label,
            comparisons=compare_commits(self.tools.sources, planned),
            moved=planned.moves.moved,
            alerts=self.alerts,
            notes=(*self.notes, *planned.notes, *planned.moves.notes),
        )

    def _alone(self) -> AbstractContextManager[None]:
        return self.tools.alone()


def _failed(plan: PlanReport, error: KarstError) -> RunReport:
    return RunReport(
        stack=plan.stack,
        mode="apply",
        target=plan.target,
        label=plan.label,
        plan=plan,
        mesh=plan.mesh,
        failures=(failure_of(error),),
    )


def _require_edges(stack: str, edges: Iterable[EdgeVerdict]) -> None:
    wrong = [f"{e.caller} -> {e.callee}" for e in edges if not e.well]
    if wrong:
        raise UnhealthyError(
            f"not as they should be: {len(wrong)} edges, such as {wrong[0]}",
            where=f"stack {stack}",
            remedy="the summary names them; run this again to hand every sidecar its edges anew",
        )


def _require_health(stack: str, outcome: ApplyOutcome) -> None:
    if outcome.well:
        return
    failed = {n for n, v in outcome.verdicts.items() if not v.well}
    kept = ", ".join(outcome.rolled_back)
    remedy = "the summary has the last lines of each; mend the service and merge again"
    raise UnhealthyError(
        f"not healthy: {', '.join(sorted(failed | set(outcome.rolled_back)))}",
        where=f"stack {stack}",
        remedy=f"the former release of {kept} runs on; {remedy}" if kept else remedy,
    )
