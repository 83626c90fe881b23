"""Two Envoys set up by hand around the same app: the mesh's rival.

The same Envoy binary, one worker, mTLS 1.3 with exact identities on both sides, the
same kind of keys, and the same transparent redirect into and out of a shared network
namespace: an app that needn't know of its proxy is what both are for, and an explicit
proxy would save the rival a packet rule that the mesh can't do without. Static files
instead of discovery, no statistics per route, no rules beyond the two redirects.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

import docker

from bench.images import IMAGE, LABEL
from bench.stacks import PREFIX
from karst.pki import Identity, Leaf, LocalAuthority

_FILES = Path(__file__).with_name("hand_tuned")
_CALLER, _CALLEE = Identity("bench", "caller"), Identity("bench", "origin")
CALLER_CONTAINER = f"{PREFIX}hand-caller"
CALLEE_CONTAINER = f"{PREFIX}hand-origin"


@dataclass(frozen=True)
class _Side:
    """One Envoy: its container, files and how they are filled in."""

    container: str
    config: str
    leaf: Leaf
    places: Mapping[str, str]


def start(client: docker.DockerClient, network: str, subnet: str) -> str:
    """Start callee, app and caller on `network`; returns the callee's address.

    Whatever the caller's namespace dials in the subnet goes to the callee.
    """
    now = datetime.now(UTC)
    authority = LocalAuthority.create("bench", now=now)
    ca = authority.bundle_pem

    def issue(identity: Identity) -> Leaf:
        return authority.issue(identity, now=now, lifetime=timedelta(days=1))

    places = {"subnet": subnet, "callee": "", "peer": _CALLER.uri}
    callee = _Side(CALLEE_CONTAINER, "callee.yaml", issue(_CALLEE), places)
    address = _start_side(client, network, callee, ca)
    client.containers.run(
        IMAGE,
        name=f"{CALLEE_CONTAINER}-app",
        network_mode=f"container:{CALLEE_CONTAINER}",
        cap_drop=["ALL"],
        labels={LABEL: "yes"},
        detach=True,
    )
    places = {"subnet": subnet, "callee": address, "peer": _CALLEE.uri}
    caller = _Side(CALLER_CONTAINER, "caller.yaml", issue(_CALLER), places)
    _start_side(client, network, caller, ca)
    return address


def _start_side(client: docker.DockerClient, network: str, side: _Side, ca: str) -> str:
    files = {
        "envoy.yaml": _filled(side.config, side.places),
        "rules": _filled("rules", side.places),
        "start.sh": (_FILES / "start.sh").read_text(),
        "cert.pem": side.leaf.certificate_pem,
        "key.pem": side.leaf.key_pem.reveal(),
        "ca.pem": ca,
    }
    container = client.containers.create(
        IMAGE,
        ["/hand/start.sh"],
        name=side.container,
        user="0:0",
        network=network,
        cap_drop=["ALL"],
        cap_add=["NET_ADMIN", "SETUID", "SETGID", "SETPCAP"],
        security_opt=["no-new-privileges:true"],
        labels={LABEL: "yes"},
    )
    container.put_archive("/", _archive(files))
    container.start()
    container.reload()
    settings = container.attrs["NetworkSettings"]["Networks"][network]
    return str(settings["IPAddress"])


def _filled(name: str, places: Mapping[str, str]) -> str:
    return Template((_FILES / name).read_text()).substitute(places)


def _archive(files: Mapping[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"hand/{name}")
            content = text.encode()
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()
