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

from tenacity import Retrying, retry_if_not_result, stop_after_attempt, wait_fixed

from karst.effects.engine import Engine
from karst.effects.engine_volumes import (
    VolumeFile,
    list_volumes,
    read_volumes,
)
from karst.errors import EngineError
from karst.secret import Secret

_FILE = "target.json"
_TRIES, _PAUSE = 5, 0.3


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
    """Read the state, or make an empty one where the stack is new to this engine.

    Raises EngineError where it is torn: a run was killed while it wrote.
    """
    name = volume_name(stack)
    if all(v.name != name for v in list_volumes(engine, {"karst.stack": stack})):
        return _empty()
    # The engine removes a file, then writes the new one: another run that does so just
    # now leaves it missing, or short, for a moment.
    tries = Retrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_fixed(_PAUSE),
        retry=retry_if_not_result(lambda found: found is not None and _is_whole(found)),
        retry_error_callback=lambda last: last.outcome and last.outcome.result(),
    )
    content = tries(lambda: read_volumes(engine, image, [name], _FILE).get(name))
    if content is None:
        return _empty()
    if not _is_whole(content):
        raise EngineError(
            f"what karst keeps on the target about '{stack}' is torn: a run was killed "
            "while it wrote",
            where=f"{_FILE} in volume {name}",
            remedy=f"`docker volume rm {name}`, then `karst deploy`: it hands everything "
            "over again",
        )
    return TargetState(**json.loads(content))


def _empty() -> TargetState:
    return TargetState(key=secrets.token_hex(32))


def _is_whole(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def target_file(state: TargetState) -> VolumeFile:
    content = json.dumps(asdict(state), sort_keys=True).encode()
    return VolumeFile(_FILE, content, 0o600)
