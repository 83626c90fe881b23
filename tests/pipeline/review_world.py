"""A branch, requests to it, and a target, as values: what a review is about."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from karst.config.slug import Slug
from karst.config.spec import MeshSpec, ServiceSpec, StackSpec
from karst.fetch.lock import LockEntry, RepoLock
from karst.forges.publishing import Comment, CommentHeader, MergedRequest
from karst.pipeline.collecting import ReviewedRequest, read_reviewed
from karst.pipeline.moving import Moves
from karst.pipeline.receipts import Occasion, choose_pins, make_receipt
from karst.pipeline.reviewing import Review, review
from karst.pipeline.tools import Planned
from karst.report.sealed import seal
from karst.secret import Secret
from karst.terraform import Applied, Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.plan import parse_plan
from karst.terraform.receipt_signing import KeySigner, KeyVerifier, parse_keys

KEYS = parse_keys(Secret("k" * 32))
VERIFIER = KeyVerifier(KEYS)
HEADER = CommentHeader("shop", "", "")
REPOSITORY = "acme/shop"
MESH = MeshSpec(default="allow")


def service(name: str, value: str = "1", **more: Any) -> ServiceSpec:
    slug = Slug("gh", f"acme/{name}", "main")
    return ServiceSpec(name, slug, env={"VALUE": value}, **more)


def spec(*services: ServiceSpec, mesh: MeshSpec = MESH) -> StackSpec:
    return StackSpec("shop", services, mesh)


def commit_id(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class World:
    """`refs`: what each slug's branch means now; `clock`: the time, in plans made."""

    main: StackSpec
    state: Applied = field(default_factory=Applied)
    refs: dict[str, str] = field(default_factory=dict)
    sidecar: str = "karst/sidecar:1"
    clock: int = 0
    requests: int = 0
    merged: list[tuple[MergedRequest, list[Comment]]] = field(default_factory=list)

    def plan(self, wanted: StackSpec, pins: RepoLock | None = None) -> Planned:
        self.clock += 1
        pins = pins or RepoLock()
        entries = []
        for each in wanted.services:
            pinned = pins.find(each)
            now = self.refs.get(str(each.slug), f"{each.slug} at first")
            commit = pinned.commit if pinned else commit_id(now)
            entries.append(LockEntry(each.name, each.slug, each.path, commit, commit))
        lock = RepoLock.of(entries)
        commits = {e.service: e.commit for e in entries}
        prepared = {
            s.name: Prepared(
                s,
                f"i/{s.name}:{commits[s.name][:8]}",
                commits[s.name],
                commits[s.name],
                True,
            )
            for s in wanted.services
        }
        stack = render_stack(wanted, prepared, self.state, self.sidecar, (), lock)
        plan = parse_plan(
            json.dumps({"resource_changes": changes(self.state, stack)}),
            stack=stack,
            path=Path("plan"),
            applied_edges=self.state.edges,
        )
        return Planned(wanted, prepared, self.state, plan, {}, lock, Moves())

    def open(self, wanted: StackSpec, *, sign: bool = True) -> Open:
        """Plan a request that wants `wanted`, and write its comment."""
        self.requests += 1
        request = MergedRequest(self.requests, commit_id(f"head {self.requests}"), "")
        found = Open(request, wanted, [])
        if sign:
            found.comments.append(self.comment(found))
        return found

    def comment(self, opened: Open, **occasion: Any) -> Comment:
        planned = self.plan(opened.wanted)
        made = Occasion(
            REPOSITORY,
            "",
            "",
            opened.request.number,
            opened.request.head,
            planned=self.clock,
            before=self.main,
        )
        receipt = make_receipt(planned, replace(made, **occasion))
        text = seal("what people read", HEADER, receipt, KeySigner(KEYS[0]))
        return Comment(self.clock, "", text)

    def merge(self, request: Open, main: StackSpec | None = None) -> None:
        """Merge; `main` is what comes of it, where others were merged meanwhile."""
        self.main = main or request.wanted
        self.merged.append((request.request, request.comments))

    def reviewed(self) -> list[ReviewedRequest]:
        return [
            read_reviewed(request, comments, HEADER, VERIFIER, REPOSITORY)
            for request, comments in self.merged
        ]

    def look(self) -> tuple[Planned, Review]:
        """Plan on the branch, as an apply does, and review that."""
        requests = self.reviewed()
        receipts = [r.receipt for r in requests if r.receipt]
        pins = choose_pins(self.main, RepoLock(), receipts, self.state)
        planned = self.plan(self.main, pins)
        return planned, review(planned, requests)

    def apply(self, *, only: frozenset[str] | None = None) -> Review:
        """Apply where all is reviewed; `only`: of these, and the rest failed."""
        planned, found = self.look()
        if not found.well:
            return found
        stack = planned.plan.stack
        kept = self.state
        if only is None:
            self.state = Applied(stack.services, stack.edges, stack.doors, "applied")
            self.merged.clear()
            return found
        services = {k: r for k, r in stack.services.items() if r.service in only} | {
            k: r for k, r in kept.services.items() if r.service not in only
        }
        self.state = replace(
            kept, services=services, edges=stack.edges, doors=stack.doors
        )
        return found


@dataclass
class Open:
    """An open request, what its repos.yaml says, and our comments on it."""

    request: MergedRequest
    wanted: StackSpec
    comments: list[Comment]


def planned_with(
    planned: Planned, found: list[dict[str, Any]], stack: Stack
) -> Planned:
    """The plan with other changes, and another stack."""
    plan = parse_plan(
        json.dumps({"resource_changes": found}),
        stack=stack,
        path=Path("plan"),
        applied_edges=planned.applied.edges,
    )
    return replace(planned, plan=plan)


def resource(kind: str, name: str, key: str | None, *actions: str) -> dict[str, Any]:
    """One entry of `resource_changes`."""
    return {
        "address": f"{kind}.{name}" + (f'["{key}"]' if key else ""),
        "name": name,
        "index": key,
        "change": {"actions": list(actions), "before": None, "after": None},
    }


def changes(state: Applied, stack: Stack) -> list[dict[str, Any]]:
    """What Terraform would say of the way from `state` to `stack`."""
    found = []

    def change(kind: str, name: str, key: str | None, *actions: str) -> None:
        found.append(resource(kind, name, key, *actions))

    if not state.services:
        change("docker_network", "mesh", None, "create")
    for name in ("app", "sidecar", "release"):
        kind = "terraform_data" if name == "release" else "docker_container"
        for key in sorted({*state.services, *stack.services}):
            if key not in state.services:
                change(kind, name, key, "create")
            elif key not in stack.services:
                change(kind, name, key, "delete")
    for kind, name, old, new in (
        ("terraform_data", "edges", state.edges, stack.edges),
        ("docker_container", "door", state.doors, stack.doors),
    ):
        for key in sorted({*old, *new}):
            if key not in old:
                change(kind, name, key, "create")
            elif key not in new:
                change(kind, name, key, "delete")
            elif old[key] != new[key]:
                change(kind, name, key, "update")
    return found
