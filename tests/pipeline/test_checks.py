"""What is refused before anything changes, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karst.config.spec import MeshSpec, PublishSpec, ServiceSpec, StackSpec
from karst.effects.engine_facts import NetworkFacts
from karst.errors import NetworkClashError
from karst.pipeline.checks import free_subnets, refuse_clashes
from karst.terraform import Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.stack import Applied

WEB = ServiceSpec("web", publish=PublishSpec("127.0.0.1", 8080))
SPEC = StackSpec("shop", (WEB,), MeshSpec(subnet="172.20.0.0/16"))


class Networks:
    """The part of an engine that is asked: its networks and published ports."""

    def __init__(
        self,
        *networks: NetworkFacts,
        ports: dict[tuple[str, int], tuple[str, str]] | None = None,
    ) -> None:
        self._networks, self._ports = networks, ports or {}

    def networks(self) -> tuple[NetworkFacts, ...]:
        return self._networks

    def published_ports(self) -> dict[tuple[str, int], tuple[str, str]]:
        return self._ports


def stack() -> Stack:
    prepared = {"web": Prepared(WEB, "i", "", "", True)}
    return render_stack(SPEC, prepared, Applied(), "s")


def refuse(networks: Networks) -> str:
    with pytest.raises(NetworkClashError) as caught:
        refuse_clashes(networks, SPEC, stack())  # type: ignore[arg-type]
    return str(caught.value)


def test_an_overlap_names_free_ranges() -> None:
    bridge = NetworkFacts("bridge", ("172.17.0.0/16",), {})
    other = NetworkFacts("other", ("172.20.5.0/24",), {})
    assert refuse(Networks(bridge, other)) == (
        "repos.yaml mesh.subnet: 172.20.0.0/16 overlaps with the engine's network "
        "'other' (172.20.5.0/24)\n"
        "  -> set mesh.subnet to a free range, such as 172.16.0.0/16, 172.18.0.0/16, 172.19.0.0/16"
    )


def test_a_name_that_is_anothers() -> None:
    theirs = NetworkFacts("iacnet", ("10.0.0.0/24",), {"karst.stack": "other"})
    assert refuse(Networks(theirs)).startswith(
        "repos.yaml mesh.network: the engine has a network 'iacnet' that is not this stack's"
    )


def test_our_own_network_is_no_clash() -> None:
    ours = NetworkFacts("iacnet", ("172.20.0.0/16",), {"karst.stack": "shop"})
    refuse_clashes(Networks(ours), SPEC, stack())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "clash"), [("127.0.0.1", True), ("0.0.0.0", True), ("10.1.1.1", False)]
)
def test_a_taken_port(address: str, clash: bool) -> None:
    networks = Networks(ports={(address, 8080): ("nginx", "")})
    if clash:
        assert refuse(networks) == (
            "repos.yaml services.web.publish: host port 127.0.0.1:8080 is published by "
            "container 'nginx'\n  -> publish on another port, or stop that container"
        )
    else:
        refuse_clashes(networks, SPEC, stack())  # type: ignore[arg-type]


def test_a_clash_names_the_file_that_was_read() -> None:
    bridge = NetworkFacts("bridge", ("172.20.0.0/24",), {})
    spec = replace(SPEC, source="staging.yaml")
    with pytest.raises(NetworkClashError) as caught:
        refuse_clashes(Networks(bridge), spec, stack())  # type: ignore[arg-type]
    assert caught.value.where == "staging.yaml mesh.subnet"


def test_our_own_door_is_no_clash() -> None:
    networks = Networks(ports={("127.0.0.1", 8080): ("shop-web-door", "shop")})
    refuse_clashes(networks, SPEC, stack())  # type: ignore[arg-type]


def test_ipv6_networks_are_read_over() -> None:
    six = NetworkFacts("six", ("fd00::/64", "172.16.0.0/16"), {})
    assert free_subnets([six], count=1) == ("172.17.0.0/16",)
