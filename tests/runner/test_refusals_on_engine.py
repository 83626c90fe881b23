"""A namespace that cannot be sealed: one line, exit status 78, and no app."""

from __future__ import annotations

import json
import subprocess

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]
SETTINGS = {"stack": "pairs", "service": "api", "subnet": "172.29.0.0/16"}
NOT_ALLOWED = (
    "karst-agent: refused: the packet rules are refused (NET_ADMIN missing, or a kernel "
    "without nat, conntrack or owner matches)"
)


def run(image: str, settings: str, *rights: str) -> tuple[int, str, str]:
    """Exit status, what was said on standard output, and the last line of the other."""
    done = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--cap-drop",
            "ALL",
            *rights,
            "-e",
            f"KARST_SIDECAR={settings}",
            image,
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()[-1]


def test_without_net_admin(sidecar_image: str) -> None:
    assert run(sidecar_image, json.dumps(SETTINGS)) == (78, "", NOT_ALLOWED)


def test_without_settings(sidecar_image: str) -> None:
    assert run(sidecar_image, "") == (
        78,
        "",
        (
            "karst-agent: refused: KARST_SIDECAR is not JSON: "
            "Expecting value: line 1 column 1 (char 0)"
        ),
    )


def test_an_edge_that_is_not_on_the_mesh(sidecar_image: str) -> None:
    settings = json.dumps({**SETTINGS, "role": "edge"})
    assert run(sidecar_image, settings, "--cap-add", "NET_ADMIN") == (
        78,
        "",
        "karst-agent: refused: no interface is on the mesh network 172.29.0.0/16",
    )


def test_net_admin_that_cannot_be_lost(sidecar_image: str) -> None:
    """Without SETPCAP the bounding set cannot shrink: it must not come up sealed."""
    code, said, _ = run(sidecar_image, json.dumps(SETTINGS), "--cap-add", "NET_ADMIN")
    assert code != 0
    assert "sealed" not in said


def test_no_such_program(sidecar_image: str) -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", sidecar_image, "dance"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        64,
        "usage: karst.runner agent|keeper|probe\n",
    )
