"""Starting releases in order, proving them healthy, and giving them traffic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from karst.config.spec import StackSpec
from karst.effects.clock import looks
from karst.effects.engine_facts import ContainerState, parse_time
from karst.errors import EngineError
from karst.health import (
    ProbeSetting,
    Question,
    Verdict,
    ask,
    job_verdict,
    with_engine_word,
)
from karst.pipeline.tools import Tools
from karst.pki import CertificateAuthority, Identity
from karst.terraform import Release

SEALED = "karst-agent: sealed"
_SEAL_SECONDS = 30.0
# What a probe container itself may take to start beside the service's own grace.
_PROBE_MARGIN = 5.0
_STARTS_AT_ONCE = 8


def waves(spec: StackSpec) -> tuple[tuple[str, ...], ...]:
    """Services in the order they may start.

    A wave of services, then the jobs that may need them, then what needs those jobs:
    a migration finds its database, and the web server a migrated one.
    """
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            needed = [depth_of(n) for n in spec.service(name).needs]
            depth[name] = max(needed) + 1 if needed else 0
        return depth[name]

    order: dict[tuple[int, bool], list[str]] = {}
    for service in spec.services:
        place = (depth_of(service.name), service.kind == "job")
        order.setdefault(place, []).append(service.name)
    return tuple(tuple(order[place]) for place in sorted(order))


def start_all(tools: Tools, releases: Iterable[Release]) -> None:
    """Start apps whose sidecar has sealed their namespace; running ones are left."""
    with ThreadPoolExecutor(_STARTS_AT_ONCE) as pool:
        list(pool.map(lambda release: _start(tools, release), releases))


def _start(tools: Tools, release: Release) -> None:
    app = tools.engine.container(release.container)
    sidecar = tools.engine.container(release.sidecar)
    if app is None or sidecar is None:
        raise EngineError(
            f"the containers of '{release.service}' are gone",
            where=release.container,
            remedy="run `karst apply` again: Terraform makes them anew",
        )
    if not sidecar.running:
        tools.engine.start(release.sidecar)
        sidecar = tools.engine.container(release.sidecar) or sidecar
    ended = release.kind == "job" and app.finished_at and app.exit_code == 0
    fresh = app.running and app.started_at >= sidecar.started_at
    if fresh or ended:
        return
    _wait_sealed(tools, release, sidecar)
    if app.running:
        tools.engine.restart(release.container)
    else:
        tools.engine.start(release.container)


def _wait_sealed(tools: Tools, release: Release, sidecar: ContainerState) -> None:
    # The engine may stamp a start later than the first line that follows it, so the end
    # before that start is the mark.
    ended = sidecar.finished_at
    since = parse_time(ended) if ended else None
    deadline = tools.clock.monotonic() + _SEAL_SECONDS
    for _ in looks(tools.clock, deadline, 0.05):
        lines = list(tools.engine.logs(release.sidecar, since=since))
        if any(SEALED in line for line in lines):
            return
    raise EngineError(
        f"the sidecar of '{release.service}' did not close its namespace in {_SEAL_SECONDS:g} s",
        where=release.sidecar,
        remedy="see its lines below; the kernel must offer iptables' nat, owner and conntrack",
        detail="\n".join(lines[-10:]),
    )


def judge(
    tools: Tools,
    authority: CertificateAuthority,
    spec: StackSpec,
    releases: Mapping[str, Release],
    versions: Mapping[str, str],
    *,
    patience: float | None = None,
) -> dict[str, Verdict]:
    """Ask every release given and wait until each is well or out of time.

    Args:
        versions: mesh volume => set of files that the sidecar must serve.
        patience: seconds; None gives each its own `grace`.
    """
    verdicts: dict[str, Verdict] = {}
    services = {n: r for n, r in releases.items() if r.kind != "job"}
    questions = [
        Question(
            identity=Identity(spec.name, name),
            release=release.release,
            address=release.address,
            agent=json.loads(release.agent),
            mesh_version=versions.get(release.mesh_volume, ""),
            patience=_patience(release) if patience is None else None,
        )
        for name, release in services.items()
    ]
    setting = ProbeSetting(
        tools.engine,
        tools.sidecar_image,
        spec.mesh.network,
        spec.name,
        authority,
        tools.clock.now(),
    )
    look = patience is not None
    longest = max((q.patience or 0.0 for q in questions), default=0.0)
    deadline = longest if patience is None else patience
    began = tools.clock.monotonic()
    for verdict in ask(setting, questions, deadline=deadline, look=look):
        release = services[verdict.service]
        own = _patience(release) if patience is None else patience
        full = _settled(tools, verdict, release, began + own, look=look)
        verdicts[verdict.service] = full
        if patience is None:
            tools.progress.line(f"{full.service}: {full.state}")
    for name, release in releases.items():
        if release.kind == "job":
            verdicts[name] = _job(tools, spec, release, patience)
    return verdicts


def _settled(
    tools: Tools, verdict: Verdict, release: Release, deadline: float, *, look: bool
) -> Verdict:
    """The verdict with the engine's word, waited for while its own check says nothing.

    A check that repos.yaml asks for must have said yes. One that the image brings may
    be due long after: the service has answered, so its silence is no failure.
    """
    agent = json.loads(release.agent)
    command = agent["health"]["kind"] == "command"
    if verdict.well and not agent["shim"] and agent["port"] is None:
        # Nobody but the engine sees the process of an image that runs as it is.
        word = "its own health check is well" if command else "its container runs"
        verdict = replace(verdict, reason=word)
    for _ in looks(tools.clock, deadline, 0.25):
        full = with_engine_word(tools.engine, verdict, release.container, look=look)
        if not verdict.well or full.state != "starting":
            return full
    return full if command else verdict


def _patience(release: Release) -> float:
    grace: float = json.loads(release.agent)["health"]["grace"]
    return grace + _PROBE_MARGIN


def _job(
    tools: Tools, spec: StackSpec, release: Release, patience: float | None
) -> Verdict:
    grace = spec.service(release.service).health.grace
    wait = grace if patience is None else patience
    deadline = tools.clock.monotonic() + wait
    for _ in looks(tools.clock, deadline, 0.2):
        verdict = job_verdict(
            tools.engine, release.service, release.release, release.container
        )
        if verdict.state != "starting":
            break
    return verdict
