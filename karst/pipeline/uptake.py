"""Whether the sidecars have what was handed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from karst.effects.clock import looks
from karst.effects.engine import Engine
from karst.effects.engine_volumes import read_file
from karst.errors import EngineError
from karst.mesh.delivery import MANIFEST
from karst.mesh.envoy import ROOT
from karst.pipeline.tools import Tools

_PATIENCE, _PAUSE, _AT_ONCE = 60.0, 0.25, 8


def await_uptake(tools: Tools, stack: str, wanted: Mapping[str, str]) -> None:
    """Wait until the sets in force are those `wanted` (container of a sidecar => version).

    One that does not run takes nothing up; one that is held up is waited for, but not
    for ever.
    """
    clock, engine = tools.clock, tools.engine
    deadline = clock.monotonic() + _PATIENCE
    pending = dict(wanted)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in looks(clock, deadline, _PAUSE):
            listed = engine.listed({"karst.stack": stack})
            asked = sorted(pending.keys() & {c.name for c in listed if c.running})
            found = pool.map(partial(_version_in, engine), asked)
            pending = {
                name: pending[name]
                for name, version in zip(asked, found, strict=True)
                if version != pending[name]
            }
            if not pending:
                return


def _version_in(engine: Engine, sidecar: str) -> str:
    """Of the set that is in force there; "" where it can't be told at this moment."""
    try:
        manifest = read_file(engine, sidecar, f"{ROOT}/current/{MANIFEST}")
    except EngineError:
        return ""
    return str(json.loads(manifest)["version"]) if manifest else ""
