"""What karst keeps on the target, in a volume of the stack's own: `<stack>-karst`.

Terraform's state says what exists; this says what was handed over to it: which
release proved healthy, which set of files each sidecar has, keyed digests of secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from karst.effects.engine import Engine
from karst.effects.engine_volumes import (
    VolumeFile,
    list_volumes,
    read_volumes,
)
from karst.secret import Secret

_FILE = "target.json"


@dataclass(frozen=True)
class TargetState:
    """What was handed over.

    Attributes:
        released: service => release that proved healthy and gets traffic.
        sets: mesh volume => version of the set handed over last.
        secrets: app container => keyed digest of its secret values.
        authority: fingerprint of the CA that the running services trust, or "".
        sequence: of the set handed over last; a later one is higher.
        key: hex key of the digests; never leaves target and karst's memory.
    """

    released: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    authority: str = ""
    sequence: int = 0
    key: str = field(default="", repr=False)

    def secrets_digest(self, values: Mapping[str, Secret]) -> str:
        """HMAC-SHA256 over names and values: tells a change, gives nothing away."""
        digest = hmac.new(bytes.fromhex(self.key), digestmod=hashlib.sha256)
        for name in sorted(values):
            value = values[name].reveal().encode()
            digest.update(f"{name}\0{len(value)}\0".encode() + value)
        return digest.hexdigest()


def volume_name(stack: str) -> str:
    return f"{stack}-karst"


def read_target(engine: Engine, image: str, stack: str) -> TargetState:
    """Read the state, or make an empty one where the stack is new to this engine."""
    name = volume_name(stack)
    labels = {"karst.stack": stack}
    if any(v.name == name for v in list_volumes(engine, labels)):
        content = read_volumes(engine, image, [name], _FILE).get(name)
        if content:
            return TargetState(**json.loads(content))
    return TargetState(key=secrets.token_hex(32))


def target_file(state: TargetState) -> VolumeFile:
    content = json.dumps(asdict(state), sort_keys=True).encode()
    return VolumeFile(_FILE, content, 0o600)
