"""health, logs, stats, ps: looking at what runs."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from karst.cli.output import print_document, say, stream
from karst.cli.wiring import Workbench, open_workbench
from karst.effects.engine_facts import ContainerState
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
    verdicts = check_health(bench.tools, bench.spec, service)
    matrix: tuple[EdgeVerdict, ...] = ()
    if edges:
        found = check_edges(bench.tools, bench.spec)
        matrix = tuple(e for e in found if service in (None, e.caller, e.callee))
    bench.progress.close()
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
    role = "sidecar" if sidecar else "app"
    found = _containers(bench, service, role)
    if not found:
        raise _not_deployed(bench, service)
    width = max(len(c.labels["karst.service"]) for c in found)
    lines: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=1000)

    def read(container: ContainerState) -> None:
        name = container.labels["karst.service"]
        for text in bench.tools.engine.logs(container.id, tail=tail, follow=follow):
            lines.put((name, text))
        lines.put(None)

    for container in found:
        threading.Thread(target=read, args=(container,), daemon=True).start()
        if not follow:
            _drain(lines, 1, width, prefix=len(found) > 1, as_json=as_json)
    if follow:
        _drain(lines, len(found), width, prefix=len(found) > 1, as_json=as_json)


def _drain(
    lines: queue.Queue[tuple[str, str] | None],
    readers: int,
    width: int,
    *,
    prefix: bool,
    as_json: bool,
) -> None:
    import json

    while readers:
        entry = lines.get()
        if entry is None:
            readers -= 1
        elif as_json:
            stream(json.dumps({"service": entry[0], "text": entry[1]}))
        elif prefix:
            stream(f"{entry[0].ljust(width)} | {entry[1]}")
        else:
            stream(entry[1])


def stats_command(
    file: Path, *, service: str | None, text: str, as_json: bool, stack: str | None
) -> None:
    from karst.pipeline.observing import fetch_stats

    bench = open_workbench(file, stack=stack)
    _known(bench, service)
    found = fetch_stats(bench.tools, bench.spec, service, text)
    bench.progress.close()
    if as_json:
        print_document(found)
        return
    for name, lines in found.items():
        for line in filter(None, lines):
            say(line if service else f"{name}: {line}")


def ps_command(file: Path, *, as_json: bool, stack: str | None) -> None:
    bench = open_workbench(file, stack=stack)
    rows = [
        {
            "service": c.labels.get("karst.service", ""),
            "role": c.labels.get("karst.role", ""),
            "release": c.labels.get("karst.release", ""),
            "status": c.status,
            "started": c.started_at,
            "container": c.name,
        }
        for c in bench.tools.engine.containers({"karst.stack": bench.spec.name})
    ]
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
            r["release"],
            r["status"],
            r["started"][:19],
            r["container"],
        )
        for r in rows
    ]
    say(render_table(header, cells))


def _containers(
    bench: Workbench, service: str | None, role: str
) -> list[ContainerState]:
    labels = {"karst.stack": bench.spec.name, "karst.role": role}
    if service:
        labels["karst.service"] = service
    found = bench.tools.engine.containers(labels)
    # An image may carry these labels, and be run by anybody.
    return [c for c in found if "karst.service" in c.labels]


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
