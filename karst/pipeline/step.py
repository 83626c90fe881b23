"""The story of the step: plan what is asked for, or apply what was reviewed; and tell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from karst.config.inputs import Inputs
from karst.config.settings import Settings
from karst.config.spec import StackSpec
from karst.context.run_context import RunContext
from karst.errors import UnhealthyError
from karst.health import Verdict
from karst.pipeline.applying import ApplyOutcome, apply
from karst.pipeline.planning import plan
from karst.pipeline.step_job import Job
from karst.pipeline.tools import Planned, Tools
from karst.report import health_document, plan_document, render_health, render_plan


@dataclass(frozen=True)
class Step:
    """One run of the step for one stack: what it works with and where it tells."""

    tools: Tools
    spec: StackSpec
    settings: Settings
    context: RunContext
    inputs: Inputs
    job: Job

    def plan(self) -> Planned:
        """Plan, and say it in summary, artifacts and outputs."""
        with self.tools.session.alone():
            planned = plan(self.tools, self.spec, self.settings)
        self._tell_plan(planned)
        return planned

    def apply(self) -> ApplyOutcome:
        """Apply what was reviewed, and report everybody's health; raises UnhealthyError."""
        with self.tools.session.alone():
            planned = plan(self.tools, self.spec, self.settings)
            self._tell_plan(planned)
            outcome = apply(self.tools, planned)
        self._tell_health(outcome)
        return outcome

    def _tell_plan(self, planned: Planned) -> None:
        document = plan_document(planned.plan)
        path = self.job.artifact(
            "plan.json", json.dumps(document, indent=2, sort_keys=True)
        )
        self.job.output("changes", _truth(not planned.plan.empty))
        self.job.output("plan-json", str(path))
        self.job.output("services-json", json.dumps(document["services"]))
        text = f"## Plan of `{self.spec.name}`\n\n```text\n{render_plan(planned.plan)}\n```\n"
        self.job.summary(text)
        self.job.output("summary", str(self.job.artifact("summary.md", text)))

    def _tell_health(self, outcome: ApplyOutcome) -> None:
        names = [s.name for s in self.spec.services]
        verdicts = sorted(
            outcome.verdicts.values(), key=lambda v: names.index(v.service)
        )
        self.job.artifact(
            "health.json", json.dumps(health_document(verdicts), indent=2)
        )
        self.job.output("healthy", _truth(outcome.well))
        self.job.summary(
            f"## Health of `{self.spec.name}`\n\n```text\n{render_health(verdicts)}\n```\n"
        )
        if not outcome.well:
            raise _unhealthy(self.spec.name, verdicts, outcome)


def _unhealthy(
    stack: str, verdicts: Iterable[Verdict], outcome: ApplyOutcome
) -> UnhealthyError:
    failed = {v.service for v in verdicts if not v.well} | set(outcome.rolled_back)
    kept = ", ".join(outcome.rolled_back)
    remedy = "the summary has the last lines of each; mend the service and merge again"
    return UnhealthyError(
        f"not healthy: {', '.join(sorted(failed))}",
        where=f"stack {stack}",
        remedy=f"the former release of {kept} runs on; {remedy}" if kept else remedy,
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"
