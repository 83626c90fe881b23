"""plan, apply, deploy, destroy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from karst.cli.output import print_document, say
from karst.cli.wiring import Workbench, open_workbench
from karst.context.local import read_local_context
from karst.errors import UnhealthyError, UsageError
from karst.fetch.lock_file import read_lock
from karst.pipeline.applying import ApplyOutcome
from karst.pipeline.tools import Planned
from karst.report import (
    health_document,
    plan_document,
    render_health,
    render_plan,
)
from karst.report.escaping import count
from karst.report.moves_text import moves_document, render_moves

if TYPE_CHECKING:
    from karst.pipeline.destroying import DestroyOutcome

CHANGES = 2
# As Terraform's.
DECLINED = 1


def plan_command(
    file: Path, *, as_json: bool, detailed: bool, stack: str | None, verbose: bool
) -> int:
    bench = open_workbench(file, stack=stack, verbose=verbose)
    with bench.alone():
        planned = _plan(bench)
    if as_json:
        print_document(_plan_document(planned))
    else:
        say("\n".join((_plan_text(planned), *_lacking(bench, planned))))
    return CHANGES if detailed and not planned.plan.empty else 0


def apply_command(
    file: Path, *, as_json: bool, stack: str | None, verbose: bool
) -> int:
    bench = open_workbench(file, stack=stack, verbose=verbose)
    planned, outcome = _apply(bench, quiet=as_json)
    if as_json:
        print_document(_outcome_document(planned, outcome))
    else:
        say(_applied(planned.plan.counts(), outcome.rolled_back))
    return _close(bench, outcome, show=not as_json)


def deploy_command(
    file: Path, *, as_json: bool, stack: str | None, verbose: bool
) -> int:
    bench = open_workbench(file, stack=stack, verbose=verbose)
    planned, outcome = _apply(bench, quiet=as_json)
    if as_json:
        print_document(_outcome_document(planned, outcome))
    else:
        say(render_health(_in_order(bench, outcome), outcome.rolled_back))
        _say_ends(bench, outcome)
    return _close(bench, outcome, show=False)


def destroy_command(
    file: Path,
    *,
    volumes: bool,
    yes: bool,
    as_json: bool,
    stack: str | None,
    verbose: bool,
) -> int:
    from karst.pipeline.destroying import destroy

    bench = open_workbench(file, stack=stack, verbose=verbose)
    if not yes and not as_json and sys.stdin.isatty():
        import typer

        if not typer.confirm(_question(bench, volumes=volumes)):
            say("Nothing was removed.")
            return DECLINED
    elif not yes:
        raise UsageError(
            "destroy asks first, and nobody is here to answer",
            remedy="say `karst destroy --yes`",
        )
    with bench.alone():
        bench.tools.session.prepare()
        outcome = destroy(bench.tools, bench.spec, volumes=volumes)
    if as_json:
        print_document(
            {
                "containers": outcome.containers,
                "kept_volumes": list(outcome.kept_volumes),
                "removed_volumes": list(outcome.removed_volumes),
                "keeper_removed": outcome.keeper_removed,
                "found": outcome.found,
            }
        )
    else:
        say(_destroyed(bench.spec.name, outcome))
    return 0


def _question(bench: Workbench, *, volumes: bool) -> str:
    from karst.pipeline.handing import stack_volumes

    name = bench.spec.name
    question = f"Remove all containers of '{name}'"
    data = stack_volumes(bench.tools, name)[1] if volumes else []
    return f"{question}, and the data in {', '.join(data)}?" if data else f"{question}?"


def _destroyed(stack: str, outcome: DestroyOutcome) -> str:
    if not outcome.found:
        return f"There is no stack '{stack}' here: nothing was removed."
    containers = count(outcome.containers, "container")
    text = f"Destroyed '{stack}': {containers} removed."
    if outcome.removed_volumes:
        text += f"\nRemoved the data in {', '.join(outcome.removed_volumes)}."
    if outcome.kept_volumes:
        kept = ", ".join(outcome.kept_volumes)
        text += f"\nKept the data in {kept} (--volumes removes it)."
    return text


def _plan(bench: Workbench) -> Planned:
    from karst.pipeline.planning import plan

    pins = read_lock(bench.lock_file)
    return plan(bench.tools, bench.spec, bench.settings, pins)


def _plan_text(planned: Planned) -> str:
    from karst.pipeline.reporting import plan_report

    moves = render_moves(planned.moves.moved, (*planned.moves.notes, *planned.notes))
    plan = render_plan(plan_report(planned))
    return "\n".join(part for part in (plan, moves) if part)


def _lacking(bench: Workbench, planned: Planned) -> list[str]:
    """Secrets without a value here. A pipeline's plan has none of them, on purpose."""
    from karst.pipeline.handing import missing_secrets

    here = read_local_context(bench.environ, Path.cwd(), sys.stderr.isatty())
    if not here.is_interactive:
        return []
    names = missing_secrets(planned.spec, bench.tools.secret_values)
    return [f"! {name} has no value here; an apply will need it" for name in names]


def _plan_document(planned: Planned) -> dict[str, Any]:
    from karst.pipeline.reporting import plan_report

    return {
        **plan_document(planned.plan, plan_report(planned).services),
        "moved": moves_document(planned.moves.moved),
        "notes": [*planned.moves.notes, *planned.notes],
    }


def _apply(bench: Workbench, *, quiet: bool) -> tuple[Planned, ApplyOutcome]:
    from karst.pipeline.applying import apply

    with bench.alone():
        planned = _plan(bench)
        if not quiet and not planned.plan.empty:
            bench.progress.close()
            say(_plan_text(planned))
        outcome = apply(bench.tools, planned)
    return planned, outcome


def _in_order(bench: Workbench, outcome: ApplyOutcome) -> list[Any]:
    names = [s.name for s in bench.spec.services]
    return sorted(outcome.verdicts.values(), key=lambda v: names.index(v.service))


def _applied(counts: Mapping[str, int], rolled_back: tuple[str, ...]) -> str:
    text = (
        f"Applied: {counts['add']} added, {counts['change']} changed, "
        f"{counts['remove']} removed, {counts['keep']} kept."
    )
    if rolled_back:
        text += f" Put back to the former release: {', '.join(rolled_back)}."
    return text


def _close(bench: Workbench, outcome: ApplyOutcome, *, show: bool) -> int:
    """Return 0, or say what failed by raising UnhealthyError."""
    if outcome.well:
        return 0
    if show:
        say(render_health(_in_order(bench, outcome), outcome.rolled_back))
    failed = [v.service for v in outcome.verdicts.values() if not v.well]
    kept = ", ".join(outcome.rolled_back)
    remedy = "read the lines above, mend the service, and run the same command again"
    if kept:
        remedy = f"the former release of {kept} runs on; {remedy}"
    raise UnhealthyError(
        f"not healthy: {', '.join(sorted({*failed, *outcome.rolled_back}))}",
        where=f"stack {bench.spec.name}",
        remedy=remedy,
    )


def _say_ends(bench: Workbench, outcome: ApplyOutcome) -> None:
    if outcome.certificates_end:
        say(
            f"Left alone, the first certificate ends on {outcome.certificates_end[:10]}; "
            "every deploy renews what is past half its life."
        )
    for service in bench.spec.services:
        if service.publish:
            scheme = "https" if service.publish.tls else "http"
            say(
                f"{service.name}: {scheme}://{service.publish.address}:{service.publish.port}/"
            )
    for name in outcome.restarted:
        say(f"{name}: started again, a secret of it has changed")


def _outcome_document(planned: Planned, outcome: ApplyOutcome) -> dict[str, Any]:
    return {
        "plan": _plan_document(planned),
        "health": health_document(outcome.verdicts.values()),
        "healthy": outcome.well,
        "rolled_back": list(outcome.rolled_back),
        "restarted": list(outcome.restarted),
        "certificates_end": outcome.certificates_end,
        "stages": {k: round(v, 3) for k, v in outcome.stages.items()},
    }
