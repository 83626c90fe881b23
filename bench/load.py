"""Load by wrk, from a container that joins the network it is told to."""

from __future__ import annotations

import re
from dataclasses import dataclass

import docker

from bench.images import IMAGE, LABEL, USER, WRK
from bench.running import BenchError

_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}
_QUANTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
_COUNT = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_FAILED = re.compile(r"^\s*(Non-2xx.*|Socket errors.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw: latency in microseconds, requests per second."""

    p50: float
    p99: float
    rate: float
    count: int


def apply_load(
    client: docker.DockerClient,
    network: str,
    url: str,
    *,
    connections: int,
    seconds: int,
) -> Load:
    """Run wrk with one thread; raises BenchError where a request failed.

    `network` is a network's name or "container:NAME". Every topology is loaded by the
    same program, in the same kind of container, under an app's uid.
    """
    command = [WRK, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
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
    return parse(output.decode())


def parse(text: str) -> Load:
    """Read wrk's report; raises BenchError where it has failures or no numbers."""
    failed = _FAILED.search(text)
    quantiles = {n: float(v) * _UNITS[u] for n, v, u in _QUANTILE.findall(text)}
    rate, count = _RATE.search(text), _COUNT.search(text)
    if failed or len(quantiles) != 2 or not rate or not count:
        raise BenchError(f"wrk: {failed[1] if failed else text[-400:]}")
    return Load(quantiles["50"], quantiles["99"], float(rate[1]), int(count[1]))
