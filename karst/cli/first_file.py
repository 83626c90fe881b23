"""The repos.yaml that `karst init` writes: one that the engine at hand can take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

from karst.config.spec import StackSpec
from karst.effects.engine import Engine
from karst.effects.engine_facts import NetworkFacts
from karst.effects.host_ports import is_free
from karst.pipeline.checks import free_subnets, network_clashes

_TEXT = """\
# What this stack is made of. docs/repos-yaml.md explains every key.
services:
  - slug: file:.        # a folder beside this file; gh:owner/repo later
    name: app
    port: 8000          # the app is told it as PORT
    health: {http: /}
    publish: 127.0.0.1:%d
"""
_MESH = """\

# The network '%s', or its range, is another's on this engine.
mesh: {network: %s, subnet: %s}
"""
_ADDRESS = "127.0.0.1"
_PORTS = range(8080, 8180)
FIRST = _TEXT % _PORTS[0]


def fit_first(engine: Engine, spec: StackSpec) -> str:
    """The first file, whose stack is `spec`, with a network and a host port of its own
    where those that everybody gets are taken; raises EngineError."""
    return _TEXT % _free_port(engine, spec.name) + _mesh(engine.networks(), spec)


def _mesh(networks: Sequence[NetworkFacts], spec: StackSpec) -> str:
    if not any(network_clashes(networks, spec)):
        return ""
    others = [n for n in networks if n.labels.get("karst.stack") != spec.name]
    wanted = f"{spec.name}-net"
    names = chain([wanted], (f"{wanted}{number}" for number in count(2)))
    taken = {network.name for network in others}
    name = next(each for each in names if each not in taken)
    free = free_subnets(others, 1)
    return _MESH % (spec.mesh.network, name, free[0]) if free else ""


def _free_port(engine: Engine, stack: str) -> int:
    """One that no other container has and, where the engine is this machine's, nobody."""
    published = engine.published_ports()
    ours = {port for (_, port), (_, owner) in published.items() if owner == stack}
    others = {port for (_, port), (_, owner) in published.items() if owner != stack}
    here = engine.host.startswith("unix://")
    for port in _PORTS:
        if port in others:
            continue
        if port in ours or not here or is_free(_ADDRESS, port):
            return port
    return _PORTS[0]
