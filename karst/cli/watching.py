"""health, logs, stats, ps: looking at what runs."""

from __future__ import annotations

import json
from pathlib import Path

from karst.cli.output import print_document, say, stream
from karst.cli.wiring import Workbench, open_workbench
from karst.effects.engine_facts import ContainerState
from karst.effects.log_feed import follow_lines, read_lines
from karst.errors import ConfigError, UnhealthyError
from karst.health import EdgeVerdict
from karst.report import (
    edges_document,
    health_document,
    render_edges,
    render_health,
    render_table,
)


def health_command(
    file: Path, *, service: str | None, edges: bool, as_json: bool, stack: str | None
) -> int:
    from karst.pipeline.observing import check_edges, check_health

    bench = open_workbench(file, stack=stack)
    _known(bench, service)
    matrix: tuple[EdgeVerdict, ...] = ()
    with bench.shown():
        verdicts = check_health(bench.tools, bench.spec, service)
        if edges:
            found = check_edges(bench.tools, bench.spec)
            matrix = tuple(e for e in found if service in (None, e.caller, e.callee))
    if as_json:
        document = health_document(verdicts)
        if edges:
            document["edges"] = edges_document(matrix)
        print_document(document)
    else:
        say(render_health(verdicts))
        if edges:
            say(render_edges(matrix))
    failed = [v.service for v in verdicts if not v.well]
    wrong = [e for e in matrix if not e.well]
    if as_json:
        return UnhealthyError.exit_code if failed or wrong else 0
    if failed:
        raise UnhealthyError(
            f"not healthy: {', '.join(failed)}", where=f"stack {bench.spec.name}"
        )
    if wrong:
        raise UnhealthyError(
            f"{len(wrong)} edges are not as they should be",
            where=f"stack {bench.spec.name}",
            remedy="the lines above name them; `karst deploy` hands every sidecar its edges anew",
        )
    return 0


def logs_command(
    file: Path,
    *,
    service: str | None,
    follow: bool,
    tail: int,
    sidecar: bool,
    as_json: bool,
    stack: str | None,
) -> None:
    """Lines of all services, each with its name where there are several."""
    bench = open_workbench(file, stack=stack)
    _known(bench, service)
    labels = {
        "karst.stack": bench.spec.name,
        "karst.role": "sidecar" if sidecar else "app",
        # An image may carry the other labels, and be run by anybody.
        "karst.service": service or "",
    }
    names = [c.labels["karst.service"] for c in bench.tools.engine.listed(labels)]
    if not names:
        raise _not_deployed(bench, service)
    names += [] if service else [s.name for s in bench.spec.services]
    width = max(map(len, names))
    several = len(set(names)) > 1
    read = follow_lines if follow else read_lines
    for line in read(bench.tools.engine, labels, tail=tail):
        if as_json:
            stream(json.dumps({"service": line.service, "text": line.text}))
        elif several:
            stream(f"{line.service.ljust(width)} | {line.text}")
        else:
            stream(line.text)


def stats_command(
    file: Path, *, service: str | None, text: str, as_json: bool, stack: str | None
) -> None:
    """Raises UnhealthyError for what did not answer, after all that did is told."""
    from karst.pipeline.observing import fetch_stats

    bench = open_workbench(file, stack=stack)
    _known(bench, service)
    with bench.shown():
        found = fetch_stats(bench.tools, bench.spec, service, text)
    if as_json:
        print_document({a.service: list(a.lines) for a in found if not a.reason})
    else:
        for answer in found:
            for line in answer.lines:
                say(line if service else f"{answer.service}: {line}")
    if silent := [f"{a.service} ({a.reason})" for a in found if a.reason]:
        raise UnhealthyError(
            f"no statistics of {', '.join(silent)}",
            where=f"stack {bench.spec.name}",
            remedy="`karst health` tells how it is",
        )


def ps_command(file: Path, *, as_json: bool, stack: str | None) -> None:
    bench = open_workbench(file, stack=stack)
    found = bench.tools.engine.containers({"karst.stack": bench.spec.name})
    rows = [container_row(c) for c in found]
    rows.sort(key=lambda r: (r["service"], r["role"]))
    if as_json:
        print_document(rows)
        return
    if not rows:
        raise _not_deployed(bench, None)
    header = ("SERVICE", "ROLE", "RELEASE", "STATUS", "STARTED", "CONTAINER")
    cells = [
        (
            r["service"],
            r["role"],
            r["release"] or "-",
            r["status"],
            r["started"][:19],
            r["container"],
        )
        for r in rows
    ]
    say(render_table(header, cells))


def container_row(container: ContainerState) -> dict[str, str]:
    """What is told of a container.

    A door has no release of its own, its label is of the settings that it was made
    with; and the label of its role is older than the word.
    """
    labels = container.labels
    role = labels.get("karst.role", "")
    return {
        "service": labels.get("karst.service", ""),
        "role": "door" if role == "edge" else role,
        "release": "" if role == "edge" else labels.get("karst.release", ""),
        "status": container.status,
        "started": container.started_at,
        "container": container.name,
    }


def _known(bench: Workbench, service: str | None) -> None:
    names = [s.name for s in bench.spec.services]
    if service and service not in names:
        raise ConfigError(
            f"there is no service '{service}'",
            where="--service",
            remedy=f"choose one of {', '.join(names)}",
        )


def _not_deployed(bench: Workbench, service: str | None) -> ConfigError:
    what = f"service '{service}'" if service else f"stack '{bench.spec.name}'"
    return ConfigError(
        f"{what} is not deployed on this engine",
        where=bench.tools.engine.host,
        remedy="`karst deploy` does that",
    )
