"""An edge's namespace: open on its door's side, closed towards the mesh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.networks import free_subnet

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Stands in for Envoy: the rules are what is tried here.
LISTEN = (
    "import http.server as h;"
    "h.ThreadingHTTPServer(('0.0.0.0',15080),h.SimpleHTTPRequestHandler).serve_forever()"
)
DIAL = """
import socket, sys
try:
    c = socket.create_connection((sys.argv[2], 15080), float(sys.argv[1]))
    c.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print(c.recv(12).decode())
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def edge(pairs_field: Any, docker: Any, eventually: Any, sidecar_image: str) -> Any:
    """An edge on a door network and the mesh; gives a dialler from either."""
    f = pairs_field
    mesh = f"{f.base}.0/24"
    name, door = f"{f.prefix}-edge", f"{f.prefix}-door"
    settings = {"stack": "pairs", "service": "edge", "role": "edge", "subnet": mesh}
    rights = [
        f"--cap-add={r}" for r in ("NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL")
    ]
    docker("network", "create", "--subnet", free_subnet(), door)
    try:
        docker(
            *(
                "create",
                "--name",
                name,
                "--network",
                door,
                "--cap-drop",
                "ALL",
                *rights,
            ),
            *("-e", f"KARST_SIDECAR={json.dumps(settings)}", sidecar_image),
        )
        docker("network", "connect", "--ip", f"{f.base}.9", f.network, name)
        docker("start", name)
        eventually(lambda: "karst-agent: sealed\n" in docker("logs", name))
        docker("exec", "-d", name, "python3", "-c", LISTEN)
        form = f'{{{{(index .NetworkSettings.Networks "{door}").IPAddress}}}}'
        outside = docker("inspect", "-f", form, name).strip()

        def dial(network: str, address: str, seconds: int = 30) -> list[str]:
            words = ("--network", network, "--name", f"{f.prefix}-dialler", "--rm")
            argv = ("python3", "-c", DIAL, str(seconds), address)
            return docker("run", *words, f.base_image, *argv).split()

        eventually(lambda: dial(door, outside) == ["HTTP/1.0", "200"])
        yield dial, door, outside
    finally:
        docker("rm", "-f", name)
        docker("network", "rm", door)


def test_only_the_door_s_side_is_open(pairs_field: Any, edge: Any) -> None:
    dial, door, outside = edge
    assert dial(door, outside) == ["HTTP/1.0", "200"]
    inside = f"{pairs_field.base}.9"
    assert dial(pairs_field.network, inside, 2) == ["TimeoutError"]
