"""Requests through karst's two sidecars, through two hand-tuned Envoys, and direct."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import docker

from bench import by_hand
from bench.figures import Figure, Pair, compared
from bench.images import IMAGE, LABEL, require_wrk
from bench.load import Load, apply_load
from bench.options import Options
from bench.running import BenchError
from bench.stacks import PREFIX, BenchStack, bench_stack
from bench.sweeping import remove_containers

TITLE = (
    "mesh: two sidecars with mTLS / two hand-tuned Envoys with mTLS / no proxy\n"
    "  (all: the same origin, network and wrk; both pairs: the same Envoy, one worker,\n"
    "  HTTP/1.1, TLS 1.3, exact identities, transparent redirect)"
)
_MOST = 1.10
_ONE, _MANY = 1, 16
_PATIENCE = 20.0


@dataclass(frozen=True)
class _Way:
    """Where wrk runs and what it asks."""

    name: str
    network: str
    url: str


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
    yield from _figures(seen)


def _ways(client: docker.DockerClient, stack: BenchStack) -> list[_Way]:
    caller = stack.release("caller")["container"]
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
    by_hands = f"container:{by_hand.CALLER_CONTAINER}"
    return [
        _Way("karst", f"container:{caller}-sidecar", "http://origin:8000/"),
        _Way("hand-tuned", by_hands, f"http://{address}:8000/"),
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
                )
        seen.append(loads)
    return seen


def _figures(seen: list[dict[str, Load]]) -> Iterator[Figure]:
    for other, most in (("hand-tuned", _MOST), ("direct", None)):
        words = ("karst", other)
        ours, theirs = f"karst {_ONE}", f"{other} {_ONE}"
        p50 = [Pair(s[ours].p50, s[theirs].p50) for s in seen]
        p99 = [Pair(s[ours].p99, s[theirs].p99) for s in seen]
        name = f"at 1 connection / {other}"
        yield compared(f"p50 {name}", p50, unit="µs", words=words, most=most, digits=0)
        yield compared(f"p99 {name}", p99, unit="µs", words=words, most=most, digits=0)
        # Seconds per request, so that more is worse here too.
        ours, theirs = f"karst {_MANY}", f"{other} {_MANY}"
        times = [Pair(1e6 / s[ours].rate, 1e6 / s[theirs].rate) for s in seen]
        figure = compared(
            f"time per request at {_MANY} connections / {other}",
            times,
            unit="µs",
            words=words,
            most=most,
            digits=1,
        )
        yield figure
    rates = {
        name: f"{sorted(s[name].rate for s in seen)[len(seen) // 2]:,.0f}"
        for name in seen[0]
        if name.endswith(f" {_MANY}")
    }
    told = ", ".join(f"{k.removesuffix(f' {_MANY}')} {v}" for k, v in rates.items())
    values = [{k: asdict(v) for k, v in s.items()} for s in seen]
    yield Figure(f"requests/s at {_MANY} connections", None, told, values=values)


def _remove_beside(client: docker.DockerClient) -> None:
    """What stands on the stack's network beside it, or karst could not remove that."""
    remove_containers(client, stacks=False)
