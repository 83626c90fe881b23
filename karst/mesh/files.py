"""The set of files that a sidecar watches, rendered whole and named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Template

from karst.mesh import clusters, envoy, listeners
from karst.mesh.model import DOOR_PORT, Door, Node, Peer
from karst.pki import Leaf

ENVOY_UID = 1337
_LISTENER = "listener.v3.Listener"
_CLUSTER = "cluster.v3.Cluster"


@dataclass(frozen=True)
class PeerFile:
    """One file of a set; a private one is readable by Envoy and the agent alone."""

    content: bytes
    private: bool = False

    def __repr__(self) -> str:
        return f"PeerFile({len(self.content)} bytes, private={self.private})"


@dataclass(frozen=True)
class FileSet:
    """All files of one sidecar at one moment.

    Attributes:
        version: the first 16 hex digits of the digest of all names and contents.
    """

    version: str
    files: Mapping[str, PeerFile]

    def manifest(self, sequence: int) -> bytes:
        """The file that makes a set complete: it goes last."""
        digests = {
            n: hashlib.sha256(f.content).hexdigest() for n, f in self.files.items()
        }
        return _json({"version": self.version, "sequence": sequence, "files": digests})


def render_node(
    node: Node, leaf: Leaf, bundle_pem: str, bootstrap: Template
) -> FileSet:
    """The files of a service's sidecar."""
    own_names = [f"{node.virtual_address} {_names(node)}"] if node.port else []
    hosts = own_names + [f"{p.virtual_address} {_peer_names(p)}" for p in node.callees]
    files = _common(leaf, bundle_pem, bootstrap, node.identity.service)
    files["lds.json"] = PeerFile(_discovery(_listeners(_unmoved(node))))
    files["cds.json"] = PeerFile(_discovery(_clusters(node)))
    callers = (*node.callers, node.probe)
    files["sds-callers.json"] = PeerFile(
        _json(envoy.trust_secret("callers", bundle_pem, callers))
    )
    files["hosts"] = PeerFile("".join(f"{line}\n" for line in hosts).encode())
    return _set(files)


def render_door(
    door: Door,
    leaf: Leaf,
    bundle_pem: str,
    bootstrap: Template,
    *,
    certificate: tuple[bytes, bytes] | None,
) -> FileSet:
    """The files of an edge proxy; `certificate` is its browsers' side, PEM chain and key."""
    target = door.target
    files = _common(leaf, bundle_pem, bootstrap, door.identity.service)
    listener = listeners.door_listener(target, DOOR_PORT, tls=certificate is not None)
    files["lds.json"] = PeerFile(_discovery([_resource(_LISTENER, listener)]))
    files["cds.json"] = PeerFile(_discovery([_peer_cluster(target)]))
    if certificate:
        chain, key = (pem.decode() for pem in certificate)
        files["sds-door.json"] = PeerFile(
            _json(envoy.certificate_secret("door", chain, key)), private=True
        )
    files["hosts"] = PeerFile(b"")
    return _set(files)


def _common(
    leaf: Leaf,
    bundle_pem: str,
    bootstrap: Template,
    service: str,
) -> dict[str, PeerFile]:
    identity = envoy.certificate_secret(
        "identity", leaf.certificate_pem, leaf.key_pem.reveal()
    )
    trust = envoy.trust_secret("trust", bundle_pem, None)
    return {
        "envoy.yaml": PeerFile(bootstrap.substitute(service=service).encode()),
        "sds-identity.json": PeerFile(_json(identity), private=True),
        "sds-trust.json": PeerFile(_json(trust)),
    }


def _names(node: Node) -> str:
    return f"{node.identity.service} {node.identity.dns}"


def _peer_names(peer: Peer) -> str:
    return f"{peer.identity.service} {peer.identity.dns}"


def _unmoved(node: Node) -> Node:
    """Without where its callees are now, which no listener says."""
    return replace(node, callees=tuple(replace(p, endpoints=()) for p in node.callees))


# An apply renders every sidecar of a stack several times, and where everybody may call
# everybody, each holds every service.
@lru_cache(maxsize=1024)
def _listeners(node: Node) -> tuple[bytes, ...]:
    outbound = listeners.outbound_listener(node)
    both = [listeners.inbound_listener(node), *([outbound] if outbound else [])]
    return tuple(_resource(_LISTENER, listener) for listener in both)


def _clusters(node: Node) -> list[bytes]:
    own = [clusters.app_cluster(node.port, node.protocol)] if node.port else []
    found = [_resource(_CLUSTER, cluster) for cluster in own]
    return found + [_peer_cluster(peer) for peer in node.callees]


@lru_cache(maxsize=1024)
def _peer_cluster(peer: Peer) -> bytes:
    return _resource(_CLUSTER, clusters.peer_cluster(peer))


def _resource(kind: str, resource: envoy.Resource) -> bytes:
    url = f"type.googleapis.com/envoy.config.{kind}"
    return _json({"@type": url, **resource})


def _discovery(resources: Iterable[bytes]) -> bytes:
    """A DiscoveryResponse of one type, as a watched file holds it."""
    return b'{"resources":[%s]}' % b",".join(resources)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _set(files: dict[str, PeerFile]) -> FileSet:
    return FileSet(version_of({n: f.content for n, f in files.items()}), files)


def version_of(contents: Mapping[str, bytes]) -> str:
    """The version of a set with these files, the manifest left out."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()[:16]
