"""e2e and drift: does all of it work, and is it still as it was applied."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from karst.cli.deploying import CHANGES
from karst.cli.output import print_document, say
from karst.cli.wiring import open_workbench
from karst.config.quantity import parse_duration, render_duration
from karst.errors import UnhealthyError, UsageError
from karst.fetch.lock_file import read_lock
from karst.pipeline.e2e import E2eOutcome


def e2e_command(
    file: Path,
    *,
    timeout: str,
    junit: Path | None,
    as_json: bool,
    stack: str | None,
    verbose: bool,
) -> int:
    from karst.effects.signals import limited
    from karst.pipeline.e2e import e2e, explain

    seconds = _seconds(timeout)
    bench = open_workbench(file, stack=stack, verbose=verbose)
    late = UnhealthyError(
        f"the run took longer than {render_duration(seconds)}",
        where="--timeout",
        remedy="give it more time, or see by --verbose what it waits for",
    )
    with bench.shown(), limited(seconds, late):
        outcome = e2e(
            bench.tools,
            bench.spec,
            bench.settings,
            read_lock(bench.lock_file),
            seconds=seconds,
        )
    if junit:
        _write_junit(junit, outcome)
    error = explain(outcome)
    if as_json:
        print_document(_document(outcome))
        return error.exit_code if error else 0
    _say(outcome)
    if error:
        raise error
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        seconds, why = 0.0, str(error)
    else:
        why = "a run takes at least a second, and at most a day"
    if not 1 <= seconds <= 86_400:
        raise UsageError(why, where="--timeout", remedy="write it as 90s, 30m or 1h")
    return seconds


def _write_junit(path: Path, outcome: E2eOutcome) -> None:
    from karst.effects.workspace import atomic_write
    from karst.report import render_junit

    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, render_junit(outcome.report))


def _say(outcome: E2eOutcome) -> None:
    from karst.report import render_edges, render_health
    from karst.report.smoke_text import render_smoke

    report = outcome.report
    if report.verdicts:
        say(render_health(report.verdicts))
    if report.edges:
        say(render_edges(report.edges))
    if outcome.smoke:
        say(render_smoke(outcome.smoke))
    for failure in report.failures:
        say(f"WRONG: {failure.what}")
    seconds = sum(report.stages.values())
    say(
        f"{outcome.stack}: {seconds:.0f} s, {outcome.removed} containers removed again."
    )


def _document(outcome: E2eOutcome) -> dict[str, Any]:
    from karst.report import edges_document, health_document

    report = outcome.report
    return {
        "stack": report.stack,
        "throw_away": outcome.stack,
        "well": outcome.well,
        **health_document(report.verdicts),
        "edges": edges_document(report.edges),
        "smoke": [asdict(v) for v in outcome.smoke],
        "failures": [
            {
                "what": f.what,
                "where": f.where,
                "remedy": f.remedy,
                "lines": list(f.lines),
            }
            for f in report.failures
        ],
        "stages": {k: round(v, 3) for k, v in report.stages.items()},
        "removed": outcome.removed,
    }


def drift_command(
    file: Path, *, as_json: bool, detailed: bool, stack: str | None, verbose: bool
) -> int:
    from karst.pipeline.drifting import look_for_drift
    from karst.report import plan_document
    from karst.report.drift_text import render_drift

    bench = open_workbench(file, stack=stack, verbose=verbose)
    with bench.alone():
        drift = look_for_drift(bench.tools, bench.spec)
    if as_json:
        document = {
            "stack": drift.stack,
            "clean": drift.clean,
            "differences": [asdict(d) for d in drift.differences],
            "plan": plan_document(drift.plan),
        }
        print_document(document)
    else:
        say(render_drift(drift.report))
    return CHANGES if detailed and not drift.clean else 0
