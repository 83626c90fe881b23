"""Removes what a bench made, also what an earlier one left behind when it was killed."""

from __future__ import annotations

import contextlib
from typing import Any

import docker
from docker.errors import APIError

from bench.images import LABEL
from bench.stacks import PREFIX


def sweep(client: docker.DockerClient) -> None:
    """Remove containers, networks, volumes and images of every bench.

    BuildKit's cache mounts stay, as after every build: the engine collects them.
    """
    remove_containers(client)
    for network in client.api.networks():
        if _ours(network["Name"], network.get("Labels")):
            with contextlib.suppress(APIError):
                client.api.remove_network(network["Id"])
    for volume in client.api.volumes().get("Volumes") or ():
        if _ours(volume["Name"], volume.get("Labels")):
            with contextlib.suppress(APIError):
                client.api.remove_volume(volume["Name"], force=True)
    for image in client.api.images():
        tags = image.get("RepoTags") or []
        built = [t for t in tags if t.startswith((f"karst/{PREFIX}", "bench/"))]
        labelled = LABEL in (image.get("Labels") or {})
        for name in built or ([image["Id"]] if labelled and not tags else []):
            with contextlib.suppress(APIError):
                client.api.remove_image(name, force=True)


def remove_containers(client: docker.DockerClient, *, stacks: bool = True) -> None:
    """Remove the bench's own containers and, where told, those of its stacks."""
    for container in client.api.containers(all=True):
        labels = container.get("Labels") or {}
        stack = labels.get("karst.stack", "")
        # An image's labels are its containers' too: a stack's app has ours as well.
        if (LABEL in labels and not stack) or (stacks and stack.startswith(PREFIX)):
            with contextlib.suppress(APIError):
                client.api.remove_container(container["Id"], force=True, v=True)


def _ours(name: str, labels: dict[str, Any] | None) -> bool:
    stack = (labels or {}).get("karst.stack", "")
    return name.startswith(PREFIX) or stack.startswith(PREFIX)
