"""End to end: deploy everything beside what runs, prove it, and take it down again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from karst.config.settings import Settings
from karst.config.spec import StackSpec, StateSpec
from karst.effects.signals import shielded
from karst.effects.workspace import temporary_directory
from karst.errors import KarstError, NetworkClashError, UnhealthyError
from karst.fetch.lock import RepoLock
from karst.health import EdgeVerdict, Question
from karst.health.smoke import SmokeVerdict, ask_smoke
from karst.pipeline.applying import ApplyOutcome, apply
from karst.pipeline.e2e_stack import mark, remove_dead, remove_stack, throw_away
from karst.pipeline.handing import required_secrets
from karst.pipeline.observing import (
    DEPLOYED_PATIENCE,
    judge_edges,
    probe_setting,
    running,
)
from karst.pipeline.planning import plan
from karst.pipeline.reporting import plan_report, run_report
from karst.pipeline.tools import Planned, Stopwatch, Tools
from karst.pki import FolderFiles, Identity, SecretsStore, StackAuthorities
from karst.report.model import Failure, RunReport, SmokeLine

# Two runs may choose one network in the same moment; a third choice is all but sure.
_ATTEMPTS = 5


@dataclass(frozen=True)
class E2eOutcome:
    """What a run from end to end came to; its stack is gone.

    Attributes:
        stack: what the throw-away stack was called.
        report: all of it, for summary and JUnit, under the name of the stack that was
            tried: a test keeps its name from run to run. `failures` hold what stopped it.
        error: what stopped it, or None.
        removed: containers that were taken down.
    """

    stack: str
    report: RunReport
    smoke: tuple[SmokeVerdict, ...] = ()
    error: KarstError | None = None
    removed: int = 0

    @property
    def well(self) -> bool:
        return self.error is None and self.report.well


@dataclass
class _Run:
    """What is known so far: a run that is stopped tells what it had seen."""

    base: str
    spec: StackSpec
    watch: Stopwatch
    planned: Planned | None = None
    outcome: ApplyOutcome | None = None
    edges: tuple[EdgeVerdict, ...] = ()
    smoke: tuple[SmokeVerdict, ...] = ()
    removed: int = 0
    left: KarstError | None = None


def e2e(
    tools: Tools,
    spec: StackSpec,
    settings: Settings,
    pins: RepoLock | None = None,
    *,
    seconds: float,
) -> E2eOutcome:
    """Deploy `spec` as a throw-away stack, ask it everything, remove it.

    Args:
        seconds: after which the caller ends this run. Whatever of it is left ten minutes
            later, the next run removes.

    An interrupt is raised again when everything is removed; what else goes wrong is in
    the outcome.
    """
    required_secrets(spec, tools.secret_values)
    now = tools.clock.now().timestamp()
    for dead in remove_dead(tools.engine, now=now):
        tools.progress.step(f"removed {dead}, which a run that died had left")
    run = _Run(spec.name, spec, Stopwatch(tools.clock))
    error: KarstError | None = None
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(NetworkClashError),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        ):
            with attempt:
                _attempt(tools, spec, settings, pins, run, ends=now + seconds)
    except KarstError as caught:
        error = caught
    return _outcome(run, error)


def _attempt(
    tools: Tools,
    spec: StackSpec,
    settings: Settings,
    pins: RepoLock | None,
    run: _Run,
    *,
    ends: float,
) -> None:
    mine = throw_away(spec, tools.engine.networks())
    run.spec = mine
    with temporary_directory("karst-e2e-") as folder, _removed(tools, mine, run):
        mark(tools.engine, mine, spec.name, ends=ends)
        own = _own_tools(tools, folder)
        with run.watch.measure("plan"):
            run.planned = plan(own, mine, settings, pins, images=spec.name)
        run.outcome = apply(own, run.planned)
        if not run.outcome.well:
            return
        own.progress.step("asking who may call whom")
        with run.watch.measure("edges"):
            releases, authority = running(own, mine)
            stack = run.planned.plan.stack
            run.edges = judge_edges(
                own, authority, mine, releases, stack, patience=DEPLOYED_PATIENCE
            )
        own.progress.step("asking the smoke requests")
        with run.watch.measure("smoke"):
            questions = [
                Question(
                    Identity(mine.name, name),
                    release.release,
                    release.address,
                    json.loads(release.agent),
                )
                for name, release in releases.items()
            ]
            wanted = {s.name: s.smoke for s in mine.services}
            setting = probe_setting(own, mine, authority)
            run.smoke = ask_smoke(setting, questions, wanted)


def _own_tools(tools: Tools, folder: Path) -> Tools:
    """State, working folder and CA of this run alone."""
    session = replace(
        tools.session, folder=folder / "terraform", state=StateSpec(), keeper=None
    )
    store = SecretsStore(FolderFiles(folder / "secrets"))
    return replace(tools, session=session, authorities=StackAuthorities(store))


@contextmanager
def _removed(tools: Tools, spec: StackSpec, run: _Run) -> Iterator[None]:
    """Take the stack down at the end, however that comes, and not half of it."""
    try:
        yield
    finally:
        with shielded(), run.watch.measure("remove"):
            tools.progress.step(f"removing {spec.name}")
            try:
                run.removed += remove_stack(tools.engine, spec.name)
            except KarstError as error:
                run.left = error


def _outcome(run: _Run, error: KarstError | None) -> E2eOutcome:
    failures = []
    for each in filter(None, (error, run.left)):
        lines = tuple(each.detail.splitlines())
        failures.append(Failure(each.what, each.where, each.remedy, lines))
    if run.planned and run.outcome:
        report = run_report(
            run.planned,
            run.outcome,
            replace(plan_report(run.planned), stack=run.base),
            mode="e2e",
            edges=run.edges,
            failures=failures,
        )
        stages = {**run.watch.stages, **run.outcome.stages}
        smokes = tuple(
            SmokeLine(v.service, v.asked, v.well, v.latency_ms, v.detail)
            for v in run.smoke
        )
        report = replace(report, stages=stages, removed=run.removed, smokes=smokes)
    else:
        report = RunReport(
            run.base,
            "e2e",
            stages=run.watch.stages,
            failures=tuple(failures),
            removed=run.removed,
        )
    return E2eOutcome(run.spec.name, report, run.smoke, error or run.left, run.removed)


def explain(outcome: E2eOutcome) -> KarstError | None:
    """The error that a run which is not well stands for."""
    if outcome.well:
        return None
    if outcome.error:
        return outcome.error
    report = outcome.report
    wrong = [v.service for v in report.verdicts if not v.well]
    parts = [f"not healthy: {', '.join(wrong)}"] if wrong else []
    edges = sum(not e.well for e in report.edges)
    parts += [f"{edges} edges are not as they should be"] if edges else []
    smoke = sum(not v.well for v in outcome.smoke)
    parts += [f"{smoke} smoke requests failed"] if smoke else []
    return UnhealthyError(
        "; ".join(parts) or "the run is not well",
        where=f"stack {report.stack}",
        remedy="the lines above name each; nothing of the run is left on the engine",
    )
