"""Apply: expand, prove, give traffic, contract; and put back what did not work.

A changed service stands there twice for a while, old and new. The new release gets
traffic only after it answered over mTLS; the old one goes after that. So a failure,
or a crash of karst at any point, leaves what ran before running, and the same command
again goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from karst.build.sidecar import have_sidecar_image
from karst.effects.engine import Engine
from karst.effects.engine_lasting import ensure_running
from karst.effects.engine_volumes import remove_leftovers
from karst.health import Verdict
from karst.pipeline import checks
from karst.pipeline.handing import required_secrets
from karst.pipeline.leftovers import clear_unknown
from karst.pipeline.releasing import waves
from karst.pipeline.run import open_run
from karst.pipeline.tools import Planned, Stopwatch, Tools
from karst.terraform import Stack

KEEPER = "karst-keeper"
_SOCKET = "/var/run/docker.sock"
_BUILDS_AT_ONCE = 4
# No delivery is this old while its run lives, and no probe has ended so long ago.
_LEFT_SECONDS = 60.0


@dataclass(frozen=True)
class ApplyOutcome:
    """What an apply did.

    Attributes:
        verdicts: by service, after everything.
        rolled_back: services whose new release failed; the old one runs on.
        restarted: services that were started again for a changed secret value.
        stages: seconds per stage.
        certificates_end: RFC 3339, the first certificate to end, or "".
    """

    stack: Stack
    verdicts: Mapping[str, Verdict]
    rolled_back: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return not self.rolled_back and all(v.well for v in self.verdicts.values())

    @property
    def certificates_end(self) -> str:
        ends = [
            v.certificate_ends for v in self.verdicts.values() if v.certificate_ends
        ]
        return min(ends, default="")


def apply(tools: Tools, planned: Planned) -> ApplyOutcome:
    """Apply exactly `planned`; raises KarstError before anything changed where it can
    know, and reports what shows later in the outcome."""
    watch = Stopwatch(tools.clock)
    with watch.measure("check"):
        required_secrets(planned.spec, tools.secret_values)
        checks.refuse_clashes(tools.engine, planned.spec, planned.plan.stack)
        begun = tools.clock.now().timestamp()
        remove_leftovers(tools.engine, before=begun - _LEFT_SECONDS)
    with watch.measure("build"):
        have_sidecar_image(tools.engine, tools.sidecar_image)
        build_missing(tools, planned)
        checks.refuse_users(tools.engine, planned)
    with ThreadPoolExecutor(2) as beside:
        with watch.measure("deliver"):
            run = open_run(tools, planned)
            clear_unknown(tools.engine, planned, run.target)
            run.foresee_expansion(beside)
            run.hand_first_sets()
        keeper = beside.submit(_ensure_keeper, tools, planned)
        with watch.measure("terraform"):
            run.expand()
        with watch.measure("keeper"):
            keeper.result()
            # Before the first sidecar was there, another stack's destroy may have taken it.
            _ensure_keeper(tools, planned)
        order = waves(planned.spec)
        for wave in order:
            with watch.measure("start"):
                run.start(wave)
            if wave == order[-1]:
                run.foresee_contraction(beside)
            with watch.measure("health"):
                run.prove(wave)
            with watch.measure("deliver"):
                run.admit()
        with watch.measure("terraform"):
            run.contract()
    with watch.measure("deliver"):
        run.settle()
    with watch.measure("health"):
        verdicts = run.verdicts()
    return ApplyOutcome(
        stack=run.final,
        verdicts=verdicts,
        rolled_back=tuple(sorted(run.rolled_back)),
        restarted=run.restarted,
        stages=watch.stages,
    )


def build_missing(tools: Tools, planned: Planned) -> None:
    """Build or pull what the engine does not have, side by side."""
    if not planned.missing:
        return
    tools.progress.step(_missing_text(planned))
    with ThreadPoolExecutor(_BUILDS_AT_ONCE) as pool:
        for done in [pool.submit(build) for build in planned.missing.values()]:
            done.result()


def _missing_text(planned: Planned) -> str:
    pulled = {n for n in planned.missing if planned.prepared[n].spec.image}
    built = sorted(set(planned.missing) - pulled)
    parts = [f"building {', '.join(built)}"] if built else []
    parts += [f"pulling the image of {', '.join(sorted(pulled))}"] if pulled else []
    return ", ".join(parts)


def _ensure_keeper(tools: Tools, planned: Planned) -> None:
    if planned.spec.mesh.keeper:
        ensure_keeper(tools.engine, tools.sidecar_image)


def ensure_keeper(engine: Engine, image: str) -> None:
    """Have the one keeper of this engine running, of the newest image that came by."""
    settings = {
        "image": image,
        "command": ["keeper"],
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart_policy": {"Name": "always"},
        "labels": {"karst.role": "keeper"},
        "mem_limit": "64m",
        "volumes": {engine.socket: {"bind": _SOCKET}},
    }
    ensure_running(engine, KEEPER, settings)
