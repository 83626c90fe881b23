"""What is read from the kernel's own texts, and from KARST_SIDECAR."""

from __future__ import annotations

import json

import pytest

from karst.runner.envoy import draw_uid
from karst.runner.namespace import (
    holds_net_admin,
    interface_of,
    ipv6_interfaces,
    listening_ports,
)
from karst.runner.settings import Health, Ports, SettingsError, Sidecar, parse_sidecar

LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo\n"
LINK_LOCAL = "fe80000000000000004200fffeac0002 15 40 20 80     eth0\n"
# As a little-endian machine prints 172.31.9.0/24 on eth0 and 172.20.0.0/16 on eth1.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t01091FAC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t00091FAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
STATUS = """\
Name:\tpython3
CapInh:\t0000000000000000
CapPrm:\t00000000000001e0
CapEff:\t00000000000001e0
CapBnd:\t{bounding}
CapAmb:\t0000000000000000
"""


# Listening: 127.0.0.1:9123, Docker's name server, 0.0.0.0:15000 and [::]:9124; and a
# connection from 9125 to 443.
SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:23A3 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000
   1: 0B00007F:A1B2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 00000000:3A98 00000000:0000 0A 00000000:00000000 00:00000000 00000000  9999
   3: 0100007F:23A5 0100007F:01BB 01 00000000:00000000 00:00000000 00000000  1000
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:23A4 00000000000000000000000000000000:0000 0A 0
   1: 0000000000000000000"""


def test_who_listens_is_in_the_kernel_s_tables() -> None:
    assert listening_ports(SOCKETS) == {9123, 9124, 15000}
    assert listening_ports("") == set()


def test_only_loopback_may_have_an_ipv6_address() -> None:
    assert ipv6_interfaces("") == []
    assert ipv6_interfaces(LOOPBACK) == []
    assert ipv6_interfaces(LOOPBACK + LINK_LOCAL + LINK_LOCAL) == ["eth0"]


def test_the_mesh_s_interface_is_found_by_its_route() -> None:
    assert interface_of("172.20.0.0/16", ROUTES) == "eth1"
    assert interface_of("172.31.9.0/24", ROUTES) == "eth0"
    assert interface_of("10.0.0.0/8", ROUTES) is None
    assert interface_of("172.20.0.0/16", "") is None


@pytest.mark.parametrize(
    ("bounding", "held"), [("00000000000001e0", False), ("00000000000011e0", True)]
)
def test_net_admin_counts_in_any_set(bounding: str, held: bool) -> None:
    assert holds_net_admin(STATUS.format(bounding=bounding)) is held


def test_a_status_without_sets_proves_nothing() -> None:
    assert holds_net_admin("Name:\tpython3\n") is True


def test_envoy_s_uid_is_drawn_from_what_the_namespace_has() -> None:
    whole = {draw_uid("0 0 4294967295\n") for _ in range(100)}
    remapped = {draw_uid("0 100000 65536\n") for _ in range(100)}
    assert len(whole) > 95
    assert all(2**30 <= uid < 2**31 for uid in whole)
    assert all(20_000 <= uid < 65_536 for uid in remapped)


def test_a_sidecar_is_read_with_its_defaults() -> None:
    given = {"stack": "shop", "service": "api", "subnet": "172.20.0.0/16"}
    assert parse_sidecar(json.dumps(given)) == Sidecar(
        stack="shop",
        service="api",
        release="",
        role="service",
        subnet="172.20.0.0/16",
        port=None,
        protocol="http",
        kind="service",
        shim=False,
        health=Health("tcp", "", (), 30.0, 2.0, 2.0),
        ports=Ports(15000, 15001),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"role": "boss"}, "KARST_SIDECAR: role is none of service, edge"),
        ({"port": 70000}, "KARST_SIDECAR: port 70000 is out of range"),
        ({"health": {"kind": "luck"}}, "KARST_SIDECAR: no health kind 'luck'"),
    ],
)
def test_what_cannot_be_used_is_said(change: dict[str, object], message: str) -> None:
    given = {"stack": "shop", "service": "api", "subnet": "172.20.0.0/16", **change}
    with pytest.raises(SettingsError) as caught:
        parse_sidecar(json.dumps(given))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"stack":"a","service":"b","subnet":"x"}']
)
def test_no_sidecar_at_all(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^KARST_SIDECAR"):
        parse_sidecar(text)
