"""Requests through karst's two sidecars, through two hand-tuned Envoys, and direct."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import docker

from bench import by_hand
from bench.figures import Figure
from bench.images import IMAGE, LABEL, require_wrk
from bench.load import Load, apply_load
from bench.mesh_figures import mesh_figures
from bench.options import Options
from bench.running import BenchError
from bench.stacks import PREFIX, BenchStack, bench_stack
from bench.sweeping import remove_containers

TITLE = (
    "mesh: two sidecars with mTLS / two hand-tuned Envoys with mTLS / no proxy\n"
    "  (all: the same origin, network and wrk; both pairs: the same Envoy, one worker,\n"
    "  HTTP/1.1, TLS 1.3, exact identities, transparent redirect)"
)
_ONE, _MANY = 1, 16
_PATIENCE = 20.0


@dataclass(frozen=True)
class _Way:
    """Where wrk runs, what it asks, and the containers of the proxies in between."""

    name: str
    network: str
    url: str
    proxies: tuple[str, ...] = ()


def measure(options: Options) -> Iterator[Figure]:
    require_wrk()
    with bench_stack("mesh") as stack:
        services = [
            {"image": options.image, "name": name, "port": 8000}
            for name in ("caller", "origin")
        ]
        stack.write(services)
        stack.stages()
        try:
            ways = _ways(options.client, stack)
            for way in ways:
                _wait(options.client, way)
            seen = _rounds(options, ways)
        finally:
            _remove_beside(options.client)
    yield from mesh_figures(seen, one=_ONE, many=_MANY)


def _ways(client: docker.DockerClient, stack: BenchStack) -> list[_Way]:
    pair = tuple(
        f"{stack.release(name)['container']}-sidecar" for name in ("caller", "origin")
    )
    address = by_hand.start(client, stack.name, stack.subnet)
    direct = client.containers.run(
        IMAGE,
        name=f"{PREFIX}direct-origin",
        network=stack.name,
        labels={LABEL: "yes"},
        detach=True,
    )
    direct.reload()
    own = direct.attrs["NetworkSettings"]["Networks"][stack.name]["IPAddress"]
    rivals = (by_hand.CALLER_CONTAINER, by_hand.CALLEE_CONTAINER)
    return [
        _Way("karst", f"container:{pair[0]}", "http://origin:8000/", pair),
        _Way("hand-tuned", f"container:{rivals[0]}", f"http://{address}:8000/", rivals),
        _Way("direct", stack.name, f"http://{own}:8000/"),
    ]


def _wait(client: docker.DockerClient, way: _Way) -> None:
    """Until it answers; the first requests are no measure of anything anyway."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            apply_load(client, way.network, way.url, connections=_ONE, seconds=1)
            return
        except BenchError as error:
            if time.monotonic() > deadline:
                raise BenchError(f"{way.name} does not answer: {error}") from None
            time.sleep(0.5)


def _rounds(options: Options, ways: list[_Way]) -> list[dict[str, Load]]:
    """One after the other, in turns: what else the machine does meets all alike."""
    seen = []
    for _ in range(options.load_rounds):
        loads = {}
        for connections in (_ONE, _MANY):
            for way in ways:
                loads[f"{way.name} {connections}"] = apply_load(
                    options.client,
                    way.network,
                    way.url,
                    connections=connections,
                    seconds=options.load_seconds,
                    proxies=way.proxies,
                )
        seen.append(loads)
    return seen


def _remove_beside(client: docker.DockerClient) -> None:
    """What stands on the stack's network beside it, or karst could not remove that."""
    remove_containers(client, stacks=False)
