"""One apply under way, step by step; `applying` tells their order."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from karst.errors import StalePlanError
from karst.health import Verdict
from karst.mesh.target import TargetState, read_target
from karst.pipeline.handing import Files, Handing
from karst.pipeline.releasing import judge, start_all
from karst.pipeline.tools import Planned, Tools
from karst.pipeline.uptake import await_uptake
from karst.terraform import Plan, Release, Stack


def open_run(tools: Tools, planned: Planned) -> Run:
    stack = planned.plan.stack
    target = read_target(tools.engine, tools.sidecar_image, stack.name)
    authority = tools.authorities.authority(
        stack.name, expected=target.authority, now=tools.clock.now()
    )
    # What never got traffic (a killed apply left it) need not wait for its successor.
    retiring = {
        key: release
        for key, release in planned.applied.services.items()
        if key not in stack.services
        and target.released.get(release.service) == release.release
    }
    changed = {r.service for r in stack.services.values()}
    doubled = any(r.service in changed for r in retiring.values())
    return Run(
        tools=tools,
        planned=planned,
        handing=Handing(tools, planned.spec, authority),
        target=target,
        kept=target,
        retiring=retiring if doubled else {},
        final=stack,
    )


@dataclass
class Run:
    """One apply under way: what was handed over, who proved healthy, who did not."""

    tools: Tools
    planned: Planned
    handing: Handing
    target: TargetState
    retiring: Mapping[str, Release]
    final: Stack
    results: dict[str, Verdict] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    restarted: tuple[str, ...] = ()
    kept: TargetState | None = None
    admitting: dict[str, str] = field(default_factory=dict)
    expansion: Future[Path] | None = None
    contraction: tuple[Stack, Future[Path]] | None = None

    @property
    def _expanded(self) -> Stack:
        stack = self.planned.plan.stack
        return stack.with_services({**self.retiring, **stack.services})

    @property
    def _running(self) -> dict[str, Release]:
        return {r.service: r for r in self.final.services.values()}

    def _old(self, service: str) -> Release | None:
        """The release that had traffic before, where it is another one."""
        served = self.target.released.get(service)
        for release in self.retiring.values():
            if release.service == service and release.release == served:
                return release
        return None

    def foresee_expansion(self, beside: Executor) -> None:
        """Plan what comes first while certificates are handed over."""
        if self.retiring and self.planned.plan.resources:
            self.expansion = beside.submit(
                self._plan_part, self._expanded, self.planned.plan
            )

    def hand_first_sets(self) -> None:
        """Before Terraform: volumes, certificates and secrets of what is new."""
        self.tools.progress.step("handing over certificates and peer files")
        stack = self.planned.plan.stack
        self.handing.make_volumes(stack)
        before = self.target.secrets
        target, files, changed = self.handing.secret_files(stack, self.target)
        # Noted before they are used, changed values would be forgotten by a crash.
        unused = {r.container: before[r.container] for r in changed}
        self.target = replace(target, secrets={**target.secrets, **unused})
        self._hand_over(self._expanded, files, only_pending=True)
        for release in changed:
            self.tools.engine.restart(release.container)
        self.target = replace(self.target, secrets=target.secrets)
        self.restarted = tuple(r.service for r in changed)

    def _hand_over(
        self,
        stack: Stack,
        files: Files | None = None,
        *,
        only_pending: bool = False,
    ) -> None:
        """Deliver what changed; before proof, only to what has no traffic yet."""
        released = self.target.released
        settled = {
            name
            for name, release in self._running.items()
            if only_pending and released.get(name) == release.release
        }
        sets = self.handing.sets(self._running, released, self._expanded, settled)
        self.target, more = self.handing.set_files(sets, self.target)
        files = {**(files or {}), **more}
        self.kept = self.handing.hand_over(files, self.target, stack, self.kept)

    def expand(self) -> None:
        """Terraform adds what is new; what it replaces stays until it is proven."""
        session, plan = self.tools.session, self.planned.plan
        if not plan.resources:
            return
        self.tools.progress.step("terraform apply")
        saved = plan.path
        if self.expansion:
            saved = self.expansion.result()
            self._stop_stateful()
        session.apply(saved, self.tools.progress.line)

    def _stop_stateful(self) -> None:
        """Two releases never share a data volume: the old one's app stops first."""
        for release in self.retiring.values():
            if release.volumes:
                self._stop_for_good(release)

    def _stop_for_good(self, release: Release) -> None:
        """The engine tells nobody of the stop of an app that had ended already: without
        a sidecar the keeper starts it no more, and nothing else can."""
        engine = self.tools.engine
        app, sidecar = engine.container(release.container), release.sidecar
        if app and not app.running and engine.container(sidecar):
            engine.stop(sidecar)
        engine.stop(release.container)

    def start(self, wave: tuple[str, ...]) -> None:
        ready = [
            release
            for name, release in self._running.items()
            if name in wave and not self._blocked(name)
        ]
        start_all(self.tools, ready)

    def _blocked(self, name: str) -> bool:
        needs = self.planned.spec.service(name).needs
        lacking = [n for n in needs if n in self.failed]
        if lacking:
            release = self._running[name].release
            reason = f"not started: it needs {', '.join(lacking)}, which failed"
            self.results[name] = Verdict(name, release, "failed", reason)
            self._give_up(name)
        return bool(lacking)

    def prove(self, wave: tuple[str, ...]) -> None:
        """Wait for the releases that have not proved healthy before."""
        pending = {
            name: release
            for name, release in self._running.items()
            if name in wave
            and name not in self.failed
            and self.target.released.get(name) != release.release
        }
        if not pending:
            return
        self.tools.progress.step(f"waiting for {', '.join(pending)}")
        verdicts = judge(
            self.tools,
            self.handing.authority,
            self.planned.spec,
            pending,
            self.target.sets,
        )
        for name, verdict in verdicts.items():
            if verdict.well:
                released = {**self.target.released, name: verdict.release}
                self.target = replace(self.target, released=released)
            else:
                self.results[name] = verdict
                self._give_up(name)

    def _give_up(self, name: str) -> None:
        """The new release failed: what ran before runs on, in its place."""
        self.failed.add(name)
        old = self._old(name)
        if old is None:
            return
        self.rolled_back.add(name)
        new = self._running[name]
        services = {k: r for k, r in self.final.services.items() if k != new.key}
        self.final = self.final.with_services({**services, old.key: old})
        if old.volumes:
            self._stop_for_good(new)
            start_all(self.tools, [old])

    def admit(self) -> None:
        """Give traffic to what has proved healthy by now."""
        before = self.target.sets
        self._hand_over(self._expanded)
        sets = self.target.sets.items()
        self.admitting |= {v: s for v, s in sets if before.get(v) != s}

    def foresee_contraction(self, beside: Executor) -> None:
        """Plan the removal of what is replaced while its successors prove healthy.

        Nothing else changes the state meanwhile; where the proof fails, `contract`
        plans anew.
        """
        if self.retiring and not self.rolled_back:
            plan = beside.submit(self._plan_part, self.final, self.planned.plan)
            self.contraction = self.final, plan

    def contract(self) -> None:
        """Terraform removes what was replaced, or what failed to replace it."""
        if not self.retiring:
            return
        self.tools.progress.step(self._contraction_words())
        saved = self._contraction()
        self._await_callers()
        self.tools.session.apply(saved, self.tools.progress.line)

    def _await_callers(self) -> None:
        """A caller whose agent is held up still calls what goes now."""
        if self.admitting:
            owners = {r.mesh_volume: r.sidecar for r in self._running.values()}
            doors = self.final.doors.values()
            owners |= {d.mesh_volume: d.container for d in doors}
            wanted = {owners[v]: s for v, s in self.admitting.items() if v in owners}
            await_uptake(self.tools, self.planned.plan.stack.name, wanted)

    def _contraction_words(self) -> str:
        ended = ["replaced"] if self.retiring.keys() - self.final.services else []
        ended += ["failed"] if self.rolled_back else []
        return f"removing {' and '.join(ended)} releases"

    def _contraction(self) -> Path:
        if self.contraction is not None:
            stack, plan = self.contraction
            wait([plan])  # Terraform's lock, and the one file that plans are saved in
            if stack == self.final:
                return plan.result()
        whole = None if self.rolled_back else self.planned.plan
        return self._plan_part(self.final, whole)

    def _plan_part(self, stack: Stack, whole: Plan | None) -> Path:
        """A plan of what the reviewed plan touches: how many others stand beside it
        makes no difference then. A rollback may touch what that did not name."""
        if whole is None:
            return self.tools.session.plan_part(stack).path
        only = [change.address for change in whole.resources]
        mends = self._mends(whole)
        part = self.tools.session.plan_part(stack, only, refresh=mends)
        if foreign := part.beyond(whole):
            raise StalePlanError(
                f"what would be applied is not what was planned: {foreign[0]}",
                remedy="plan again; something changed on the target in between",
            )
        return part.path

    def _mends(self, whole: Plan) -> bool:
        """Whether it makes anew what the state still has: that this is gone is seen only
        by who asks the engine."""
        known = {*self.planned.applied.services, *self.planned.applied.doors}
        return any(c.actions == ("create",) and c.key in known for c in whole.resources)

    def settle(self) -> None:
        self._hand_over(self.final)
        self.handing.remove_volumes(self.final)

    def verdicts(self) -> dict[str, Verdict]:
        """Health of everything that runs, with the failures that were seen on the way."""
        asked = {n: r for n, r in self._running.items() if n not in self.results}
        found = judge(
            self.tools,
            self.handing.authority,
            self.planned.spec,
            asked,
            self.target.sets,
        )
        return {**found, **self.results}
