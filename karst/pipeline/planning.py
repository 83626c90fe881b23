"""Plan: fetch, inspect, render, and let Terraform say what would change.

Nothing is built here and nothing that was fetched runs: a request that adds a slug is
somebody else's code.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from karst.config.settings import Settings
from karst.config.spec import StackSpec
from karst.effects.engine_volumes import list_volumes
from karst.fetch.lock import RepoLock
from karst.pipeline import checks
from karst.pipeline.data_volumes import refuse_volumes
from karst.pipeline.preparing import prepare
from karst.pipeline.tools import Planned, Tools
from karst.terraform.ledger import render_stack


def plan(
    tools: Tools,
    spec: StackSpec,
    settings: Settings,
    pins: RepoLock | None = None,
    *,
    images: str = "",
) -> Planned:
    """Make the plan of a stack; raises KarstError, changes nothing.

    `images`: the stack by whose name images are called; default its own.
    What `pins` holds (repos.lock, or a receipt's lock) is not resolved anew.
    """
    tools.progress.step("reading the state")
    tools.session.prepare()
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(tools.session.applied)
        tools.progress.step("fetching and inspecting")
        ready = prepare(tools, replace(spec, name=images or spec.name), settings, pins)
        applied = reading.result()
    found = {name: prepared.spec for name, prepared in ready.prepared.items()}
    spec = replace(spec, services=tuple(found[s.name] for s in spec.services))
    taken = checks.others_subnets(tools.engine, spec.name)
    stack = render_stack(
        spec, ready.prepared, applied, tools.sidecar_image, taken, ready.lock
    )
    checks.refuse_clashes(tools.engine, spec, stack)
    refuse_volumes(spec, stack, applied, partial(list_volumes, tools.engine))
    tools.progress.step("terraform plan")
    planned = tools.session.plan(stack, applied)
    # A kept release keeps its image, whatever a newer karst would build in its place.
    missing = {
        name: build
        for name, build in ready.missing.items()
        if stack.release_of(name).image == ready.prepared[name].image
    }
    return Planned(
        spec,
        ready.prepared,
        applied,
        planned,
        missing,
        ready.lock,
        ready.moves,
        ready.notes,
    )
