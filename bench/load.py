"""Load by wrk, from a container that joins the network it is told to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import docker
from docker.errors import ContainerError

from bench.images import IMAGE, LABEL, USER, WRK
from bench.running import BenchError

_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}
_QUANTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
_COUNT = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_FAILED = re.compile(r"^\s*(Non-2xx.*|Socket errors.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw.

    Attributes:
        p50, p99: latency in microseconds.
        rate: requests per second.
        processor: microseconds that the proxies computed per request, both together.
            Other programs on the machine change this far less than the rest.
    """

    p50: float
    p99: float
    rate: float
    count: int
    processor: float = 0.0

    @property
    def period(self) -> float:
        """Microseconds of the clock per request, over all connections."""
        return 1e6 / self.rate


def apply_load(
    client: docker.DockerClient,
    network: str,
    url: str,
    *,
    connections: int,
    seconds: int,
    proxies: Sequence[str] = (),
) -> Load:
    """Run wrk with one thread; raises BenchError where a request failed.

    `network` is a network's name or "container:NAME". Every topology is loaded by the
    same program, in the same kind of container, under an app's uid.
    """
    before = _processor(client, proxies)
    command = [WRK, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    try:
        output = client.containers.run(
            IMAGE,
            command,
            network_mode=network,
            user=USER,
            cap_drop=["ALL"],
            labels={LABEL: "yes"},
            remove=True,
            stderr=True,
        )
    except ContainerError as error:
        raise BenchError(f"wrk: {error}") from None
    load = parse(output.decode())
    spent = _processor(client, proxies) - before
    return replace(load, processor=spent / load.count)


def _processor(client: docker.DockerClient, containers: Sequence[str]) -> float:
    """Microseconds of processor time that containers used since they started."""
    used = 0.0
    for name in containers:
        stats = client.api.stats(name, stream=False, one_shot=True)
        used += stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1000
    return used


def parse(text: str) -> Load:
    """Read wrk's report; raises BenchError where it has failures or no numbers."""
    failed = _FAILED.search(text)
    quantiles = {n: float(v) * _UNITS[u] for n, v, u in _QUANTILE.findall(text)}
    rate, count = _RATE.search(text), _COUNT.search(text)
    if failed or len(quantiles) != 2 or not rate or not count:
        raise BenchError(f"wrk: {failed[1] if failed else text[-400:]}")
    return Load(quantiles["50"], quantiles["99"], float(rate[1]), int(count[1]))
