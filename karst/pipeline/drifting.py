"""Drift: what is no longer as the last apply left it, asked of state and engine alone.

Nothing is fetched and nothing is changed. Terraform is asked for a plan of what the
state says was applied; what it doesn't manage is compared here: who runs, under which
name an image has moved, the files handed over, certificates, secret values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from karst.build.sidecar import have_sidecar_image
from karst.config.spec import StackSpec
from karst.effects.engine_facts import ListedContainer
from karst.errors import ConfigError
from karst.fetch.lock import RepoLock
from karst.mesh.delivery import Delivered, read_delivered
from karst.mesh.target import TargetState, read_target
from karst.pipeline.applying import KEEPER
from karst.pipeline.moving import Moves
from karst.pipeline.reporting import plan_report
from karst.pipeline.tools import Planned, Tools
from karst.pki import validity
from karst.report.model import Failure, RunReport
from karst.terraform import Applied, DoorRelease, Plan, Release, Stack

_LASTING = ("app", "sidecar", "edge")


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was applied, besides what Terraform would change.

    Attributes:
        service: whose it is, or "" for the stack's.
        what: one sentence without a full stop.
    """

    service: str
    what: str


@dataclass(frozen=True)
class Drift:
    """All that differs from the last apply."""

    stack: str
    plan: Plan
    differences: tuple[Difference, ...]
    report: RunReport

    @property
    def clean(self) -> bool:
        return self.plan.empty and not self.differences


def look_for_drift(tools: Tools, spec: StackSpec) -> Drift:
    """Compare what the state says with what is there; raises KarstError."""
    tools.progress.step("reading the state")
    tools.session.prepare()
    applied, network = tools.session.applied(), tools.session.network()
    if not applied.services or network is None:
        raise ConfigError(
            f"stack '{spec.name}' is not deployed, so nothing can differ from it",
            where=str(tools.session.folder),
            remedy="`karst deploy` does that",
        )
    stack = Stack(
        spec.name,
        network,
        applied.services,
        applied.edges,
        applied.doors,
        applied.commit,
    )
    tools.progress.step("terraform plan")
    plan = _on_the_target(tools.session.plan(stack, applied))
    tools.progress.step("looking at what runs")
    have_sidecar_image(tools.engine, tools.sidecar_image)
    target = read_target(tools.engine, tools.sidecar_image, spec.name)
    differences = (
        *_containers(tools, spec, applied, plan),
        *_images(tools, applied),
        *_sets(tools, applied, target),
        *_traffic(applied, target),
        *_secrets(tools, applied, target),
    )
    planned = Planned(spec, {}, applied, plan, {}, RepoLock(), Moves())
    report = RunReport(
        stack=spec.name,
        mode="drift",
        plan=plan_report(planned),
        mesh=applied.edges,
        failures=tuple(
            Failure(d.what, f"service '{d.service}'" if d.service else "")
            for d in differences
        ),
    )
    return Drift(spec.name, plan, differences, report)


def _on_the_target(plan: Plan) -> Plan:
    """The plan without Terraform's own notes, which differ where another version of
    karst made them, and are on no target."""
    resources = tuple(
        r for r in plan.resources if not r.address.startswith("terraform_data.")
    )
    touched = {r.key.partition("@")[0] for r in resources}
    services = tuple(
        s if s.service in touched else replace(s, action="keep") for s in plan.services
    )
    return replace(plan, resources=resources, services=services)


def _containers(
    tools: Tools, spec: StackSpec, applied: Applied, plan: Plan
) -> Iterator[Difference]:
    found = {c.name: c for c in tools.engine.listed({"karst.stack": spec.name})}
    for release in applied.services.values():
        yield from _stopped(release.service, release.sidecar, found)
        if release.kind != "job":
            yield from _stopped(release.service, release.container, found)
    for door in applied.doors.values():
        yield from _stopped(door.service, door.container, found)
    for name, container in found.items():
        lasting = container.labels.get("karst.role") in _LASTING
        if lasting and name not in plan.known:
            service = container.labels.get("karst.service", "")
            yield Difference(service, f"the state does not know container {name}")
    if spec.mesh.keeper and not _runs(tools, KEEPER):
        yield Difference("", "the keeper does not run, so nobody repairs what ends")


def _stopped(
    service: str, name: str, found: Mapping[str, ListedContainer]
) -> Iterator[Difference]:
    """One that is gone is in Terraform's plan already."""
    if name in found and not found[name].running:
        yield Difference(service, f"container {name} does not run")


def _runs(tools: Tools, name: str) -> bool:
    state = tools.engine.container(name)
    return state is not None and state.running


def _images(tools: Tools, applied: Applied) -> Iterator[Difference]:
    """A name that was given to another image: a new container would not be the same."""
    for release in applied.services.values():
        state = tools.engine.container(release.container)
        image = tools.engine.image(release.image)
        if state is None:
            continue
        if image is None:
            what = f"the engine has no image {release.image} any more"
            yield Difference(release.service, what)
        elif state.image_id and image.id != state.image_id:
            what = f"{release.image} is another image by now than the one that runs"
            yield Difference(release.service, what)


def _sets(tools: Tools, applied: Applied, target: TargetState) -> Iterator[Difference]:
    """The files that the sidecars have in force, and the certificates among them."""
    owners: list[Release | DoorRelease] = list(applied.services.values())
    owners += list(applied.doors.values())
    found = read_delivered(
        tools.engine, tools.sidecar_image, [o.mesh_volume for o in owners]
    )
    now = tools.clock.now()
    for owner in owners:
        wanted = target.sets.get(owner.mesh_volume, "")
        yield from _set(owner.service, found.get(owner.mesh_volume), wanted, now)


def _set(
    service: str, found: Delivered | None, wanted: str, now: datetime
) -> Iterator[Difference]:
    if found is None:
        yield Difference(service, "its sidecar has no mesh files in force")
        return
    if found.version != wanted:
        what = f"its mesh files are {found.version}, and {wanted or 'none'} was handed over last"
        yield Difference(service, what)
    good = validity(found.certificate_pem)
    if good is None:
        yield Difference(service, "its certificate can't be read")
        return
    begins, ends = good
    if now > begins + (ends - begins) / 2:
        word = "ended" if now > ends else "is past half its life, and ends"
        yield Difference(service, f"its certificate {word} on {ends:%Y-%m-%d}")


def _traffic(applied: Applied, target: TargetState) -> Iterator[Difference]:
    for release in applied.services.values():
        served = target.released.get(release.service)
        if release.kind != "job" and served != release.release:
            what = f"release {release.release} was deployed, and never got traffic"
            yield Difference(release.service, what)


def _secrets(
    tools: Tools, applied: Applied, target: TargetState
) -> Iterator[Difference]:
    """Only where all values are at hand: a look for drift needs none."""
    for release in applied.services.values():
        known = target.secrets.get(release.container)
        values = {
            name: tools.secret_values[name]
            for name in release.secrets
            if name in tools.secret_values
        }
        if not known or not values or len(values) < len(release.secrets):
            continue
        if target.secrets_digest(values) != known:
            what = "it runs with other secret values than those at hand"
            yield Difference(release.service, what)
