"""Addresses are chosen once: nobody moves because somebody came."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karst.errors import NetworkClashError
from karst.mesh.addresses import choose, choose_door_subnets, divide

NAMES = st.sets(st.text("abcdefgh", min_size=1, max_size=6), max_size=12)
POOL = IPv4Network("10.9.0.64/26")


def test_a_subnet_in_four_parts() -> None:
    plan = divide("172.20.0.0/16")
    assert [str(p) for p in (plan.gateway, plan.dynamic, plan.fixed, plan.virtual)] == [
        "172.20.0.1",
        "172.20.0.0/18",
        "172.20.64.0/18",
        "172.20.128.0/18",
    ]


@given(before=NAMES, after=NAMES)
def test_who_was_there_stays(before: set[str], after: set[str]) -> None:
    first = choose(before, {}, POOL)
    second = choose(before | after, first, POOL)
    assert {n: second[n] for n in before} == first
    assert len(set(second.values())) == len(second)
    assert all(IPv4Address(a) in POOL for a in second.values())


@given(NAMES)
def test_the_order_does_not_matter(names: set[str]) -> None:
    assert choose(sorted(names), {}, POOL) == choose(sorted(names)[::-1], {}, POOL)


def test_an_address_of_another_subnet_is_not_kept() -> None:
    chosen = choose(["a"], {"a": "192.168.1.1"}, POOL)
    assert IPv4Address(chosen["a"]) in POOL


def test_an_address_of_one_who_leaves_is_not_given_away_at_once() -> None:
    old = choose(["a"], {}, POOL)
    assert choose(["b"], {"gone": old["a"]}, POOL)["b"] != old["a"]


def test_a_full_pool_is_a_sentence() -> None:
    names = [f"s{i}" for i in range(15)]
    with pytest.raises(NetworkClashError) as caught:
        choose(names, {}, IPv4Network("10.9.0.16/28"))
    assert str(caught.value) == (
        "mesh.subnet: no address is left in 10.9.0.16/28 for 's9'\n"
        "  -> give mesh.subnet a larger network, such as a /16"
    )


def test_a_door_has_a_small_network_that_nobody_else_touches() -> None:
    first = choose_door_subnets("shop", ["web"], {}, ())
    assert IPv4Network(first["web"]).prefixlen == 29
    other = choose_door_subnets("shop", ["web"], {}, [first["web"]])
    assert not IPv4Network(other["web"]).overlaps(IPv4Network(first["web"]))
    assert choose_door_subnets("shop", ["web", "api"], first, ())["web"] == first["web"]
    both = choose_door_subnets("shop", ["web", "api"], {}, ())
    assert len(set(both.values())) == 2


def test_two_stacks_at_once_choose_different_networks_for_doors() -> None:
    """Neither sees the other's yet, and their services often have the same names."""
    stacks = [f"stack{n}" for n in range(20)]
    chosen = [choose_door_subnets(s, ["web"], {}, ())["web"] for s in stacks]
    assert len(set(chosen)) == len(stacks)


def test_no_network_left_for_a_door_is_a_sentence() -> None:
    with pytest.raises(NetworkClashError, match="no network is left in"):
        choose_door_subnets("shop", ["web"], {}, ["10.0.0.0/8"])
