"""Ports of compose files, in every form that they are written in."""

from __future__ import annotations

import pytest

from karst.inspection.compose import container_port


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        ([8080], 8080),
        (["80:8080"], 8080),
        (["127.0.0.1:80:8080/tcp"], 8080),
        ([{"target": 8080, "published": "80"}], 8080),
        (["${OUTER:-80}:${INNER:-8080}"], 8080),
        (["${PORT:-8080}:${PORT:-8080}"], 8080),
        (["80:8080", "443:8080"], 8080),
        (["80:8080", "5678:5678"], 8080),
        (["80:8080", "81:8081"], None),
        (["53:53/udp"], None),
        (["${OUTER}:${INNER}"], None),
        (["8000-8010:8000-8010"], None),
        (["80:" + "9" * 5000], None),
        (["80:70000"], None),
        ([None, {}, "x"], None),
        ("8080", None),
        (None, None),
    ],
)
def test_the_port_within_the_container(ports: object, port: int | None) -> None:
    assert container_port({"ports": ports}) == port
