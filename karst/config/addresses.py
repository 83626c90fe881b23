"""Addresses of engines and names of networks, as repos.yaml and settings take them."""

from __future__ import annotations

import re

from karst.secret import REDACTED

_NETWORK = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")
_ENGINE_NETWORKS = ("bridge", "host", "none", "default")
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_ENGINE = re.compile(
    rf"unix:///[!-~]+|tcp://{_HOST}/?"
    rf"|ssh://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?{_HOST}(?:/[!-~]*)?"
)


def is_engine_address(text: str) -> bool:
    """Say whether `text` is a unix://, tcp:// or ssh:// address, without password."""
    return _ENGINE.fullmatch(text) is not None


def hide_password(text: str) -> str:
    """Return `text` without the password of an address in it."""
    return re.sub(r"(//[^/@:]*):[^/@]*@", rf"\1:{REDACTED}@", text)


def network_remedy(text: str) -> str:
    """What to do about `text`, which can't name a network of one's own."""
    if text in _ENGINE_NETWORKS:
        return "that name is the engine's own; choose another, such as iacnet"
    return "use letters, digits, '_', '.' and '-', such as iacnet"


def is_network_name(text: str) -> bool:
    """Say whether `text` can name a network that is not one of the engine's own."""
    return _NETWORK.fullmatch(text) is not None and text not in _ENGINE_NETWORKS
