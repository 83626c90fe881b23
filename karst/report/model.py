"""One model of what a run would do or did; every rendering is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from karst.fetch.remote import Comparison
from karst.health import Verdict
from karst.health.edges import EdgeVerdict
from karst.terraform import ResourceChange
from karst.terraform.plan import Action

Mode = Literal["apply", "e2e", "drift", "destroy"]
How = Literal["", "release", "repair", "door", "leftover", "edges"]


@dataclass(frozen=True)
class Alert:
    """What a reviewer must read first: `subjects` `text` `names`.

    Attributes:
        kind: "destroy", "security" (who may reach what, or what reads what, changes)
            or "note".
        subjects: services it is about, or none.
        text: karst's own words between them, never somebody else's.
        names: what the words end with.
    """

    kind: Literal["destroy", "security", "note"]
    subjects: tuple[str, ...]
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class MovedSlug:
    """A branch or tag that means another commit by now than the lock file says."""

    service: str
    slug: str
    locked: str
    newest: str
    compare: Comparison | None = None

    @property
    def is_stray(self) -> bool:
        """Whether the locked commit is no part of what the slug means now: its branch
        was rewritten, or the commit never was on it (a forge serves forks' too)."""
        return bool(self.compare and self.compare.behind)


@dataclass(frozen=True)
class ServiceLine:
    """What a plan means for one service. All texts may be somebody else's.

    Attributes:
        how: a change's depth: "release" (new containers), "repair" (containers that
            somebody altered), "door" (the published port only), "leftover" (an old
            release goes, the present one runs on), "edges" (peer files only, nothing
            restarts); "" where nothing changes.
        slug: as repos.yaml has it; "" for an image.
        old_commit, new_commit: full ids, "" where there is none.
        old_release, new_release: as the containers carry them.
        entrypoint, why: the command line, and the rule and the line that speak for it.
        ports: "8000/http", and "127.0.0.1:8080 -> 8000" for a published one.
        published: those of `ports` that were not open before.
        unpublished: those that were, of a service that stays: "127.0.0.1:8080".
        opened, closed: callees.
        secrets: names that it did not read before.
        differs: names of what is not as it was ("image", "env LOG_LEVEL").
        leftovers: old releases that go beside what `old_release` says.
    """

    service: str
    action: Action
    how: How = ""
    slug: str = ""
    old_commit: str = ""
    new_commit: str = ""
    compare: Comparison | None = None
    old_release: str = ""
    new_release: str = ""
    image: str = ""
    entrypoint: str = ""
    why: str = ""
    ports: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanReport:
    """A plan, as far as people and forges are told of it.

    Attributes:
        target: the engine, as people name it, or "" for the one at hand.
        label: what tells several plans of one stack apart, or "".
        alerts: beyond what `services` and `resources` say: target, state.
        notes: sentences for whoever reads the plan; they may hold others' text.
        mesh: caller => callees, as it will be.
        limited: made without state or engine, from two versions of repos.yaml.
    """

    stack: str
    target: str = ""
    label: str = ""
    services: tuple[ServiceLine, ...] = ()
    resources: tuple[ResourceChange, ...] = ()
    alerts: tuple[Alert, ...] = ()
    moved: tuple[MovedSlug, ...] = ()
    notes: tuple[str, ...] = ()
    mesh: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limited: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Services by what happens to them: add, change, remove, keep."""
        found = {"add": 0, "change": 0, "remove": 0, "keep": 0}
        for line in self.services:
            found[line.action] += 1
        return found

    @property
    def resource_counts(self) -> dict[str, int]:
        """Terraform's resources: create, update, delete; a replacement is in two."""
        actions = [a for r in self.resources for a in r.actions]
        return {name: actions.count(name) for name in ("create", "update", "delete")}

    @property
    def empty(self) -> bool:
        return not self.resources and all(s.action == "keep" for s in self.services)


@dataclass(frozen=True)
class Failure:
    """Something that went wrong apart from a verdict: a sentence, where, what to do."""

    what: str
    where: str = ""
    remedy: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class SmokeLine:
    """A request that repos.yaml asks for in an end-to-end run, and what came back.

    `asked` is as people would write it: "POST /orders".
    """

    service: str
    asked: str
    well: bool
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class RunReport:
    """What an apply, an e2e run, a look for drift or a destroy came to.

    Attributes:
        plan: what was applied, or for drift what differs from the last apply.
        mesh: caller => callees.
        stages: seconds per stage.
        rolled_back: services whose new release failed; the former one runs on.
        restarted: services that were started again for a changed secret value.
        certificates_end: RFC 3339, the first certificate to end, or "".
        unreviewed: service => why no receipt covers its change, where it was applied
            all the same.
        removed: containers that a destroy removed.
        kept_volumes: data volumes that it left.
    """

    stack: str
    mode: Mode
    target: str = ""
    label: str = ""
    plan: PlanReport | None = None
    verdicts: tuple[Verdict, ...] = ()
    edges: tuple[EdgeVerdict, ...] = ()
    smokes: tuple[SmokeLine, ...] = ()
    mesh: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stages: Mapping[str, float] = field(default_factory=dict)
    rolled_back: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    certificates_end: str = ""
    failures: tuple[Failure, ...] = ()
    unreviewed: Mapping[str, str] = field(default_factory=dict)
    removed: int = 0
    kept_volumes: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        drifted = self.mode == "drift" and self.plan is not None and not self.plan.empty
        return not (
            drifted
            or self.failures
            or self.rolled_back
            or any(not v.well for v in self.verdicts)
            or any(not e.well for e in self.edges)
            or any(not s.well for s in self.smokes)
        )
