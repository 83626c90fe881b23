"""Memory that karst adds to each service: its sidecar's container and the shim."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker

from bench.figures import Figure, at_most
from bench.images import require_wrk
from bench.load import apply_load
from bench.options import Options
from bench.running import BenchError
from bench.stacks import BenchStack, bench_stack

TITLE = "memory: sidecar (agent and Envoy) and shim, per service"
_MOST = 70.0
_REQUESTS = 10_000
_MEBIBYTE = 1024 * 1024
_APP = Path(__file__).with_name("memory_app")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)


def measure(options: Options) -> Iterator[Figure]:
    require_wrk()
    with bench_stack("memory") as stack:
        shutil.copytree(_APP, stack.folder / "app")
        stack.write(
            [
                {"slug": "file:./app", "name": "app", "port": 8000},
                {"image": options.image, "name": "caller", "port": 8000},
            ]
        )
        stack.stages()
        yield _figure("idle", options.client, stack)
        _ask(options.client, stack)
        yield _figure(f"after {_REQUESTS:,} requests", options.client, stack)


def _ask(client: docker.DockerClient, stack: BenchStack) -> None:
    network = f"container:{stack.release('caller')['container']}-sidecar"
    asked = 0
    while asked < _REQUESTS:
        load = apply_load(
            client, network, "http://app:8000/", connections=16, seconds=2
        )
        asked += load.count


def _figure(name: str, client: docker.DockerClient, stack: BenchStack) -> Figure:
    called, caller = stack.release("app"), stack.release("caller")
    shim = _shim(client, called["container"])
    sidecars = {
        "called": _used(client, f"{called['container']}-sidecar"),
        "calling": _used(client, f"{caller['container']}-sidecar"),
    }
    total = max(sidecars.values()) + shim
    told = ", ".join(f"{k} sidecar {v:.1f}" for k, v in sidecars.items())
    return Figure(
        name,
        None,
        f"{total:.1f} MiB a service ({told}, shim {shim:.1f})",
        f"<= {_MOST:g} MiB",
        at_most(total, _MOST, "MiB"),
        {**sidecars, "shim": shim},
    )


def _used(client: docker.DockerClient, container: str) -> float:
    """MiB of the container's cgroup without inactive file pages.

    Those are cache that the kernel takes back first. cgroup v1 names them with
    `total_`, where v2's numbers are of the whole group anyway.
    """
    stats: Mapping[str, Any] = client.api.stats(container, stream=False)
    memory = stats["memory_stats"]
    details = memory.get("stats") or {}
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    return float(memory["usage"] - inactive) / _MEBIBYTE


def _shim(client: docker.DockerClient, container: str) -> float:
    """MiB resident of the app container's pid 1, shared pages counted in full."""
    made = client.api.exec_create(container, ["cat", "/proc/1/status"])
    text = client.api.exec_start(made["Id"]).decode()
    found = _RESIDENT.search(text)
    if not found:
        raise BenchError(f"{container}: pid 1 tells no VmRSS: {text[:200]}")
    return int(found[1]) / 1024
