"""The packet rules, whole, as iptables-restore reads them."""

from __future__ import annotations

from karst.runner.rules import IPV6_RULES, render_edge_rules, render_service_rules
from karst.runner.settings import Ports

SERVICE = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp --dport 15000 -m conntrack --ctstate DNAT -j ACCEPT
-A OUTPUT -o lo -p tcp -m multiport --dports 15000,15001 -m conntrack ! --ctstate DNAT -m owner ! --gid-owner 4242 -j REJECT --reject-with tcp-reset
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -d 127.0.0.0/8 -j ACCEPT
-A OUTPUT -p tcp --sport 15000 -m owner --gid-owner 0-4241 -j DROP
-A OUTPUT -p tcp --sport 15000 -m owner --gid-owner 4243-4294967294 -j DROP
-A OUTPUT -d 172.20.0.0/16 -p tcp -m owner --gid-owner 4242 -j ACCEPT
-A OUTPUT -d 172.20.0.0/16 -p tcp -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -d 172.20.0.0/16 -j REJECT --reject-with icmp-admin-prohibited
-A OUTPUT -d 224.0.0.0/4 -j DROP
-A OUTPUT -d 255.255.255.255/32 -j DROP
COMMIT
*nat
-A PREROUTING -p tcp ! -i lo -j REDIRECT --to-ports 15000
-A OUTPUT -p tcp ! -o lo -d 172.20.0.0/16 -m owner ! --gid-owner 4242 -j REDIRECT --to-ports 15001
COMMIT
"""

EDGE = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i eth1 -j DROP
-A INPUT -d 172.20.0.0/16 -j DROP
-A INPUT -p tcp -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -d 172.20.0.0/16 -p tcp -m owner --gid-owner 4242 -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
"""


def test_a_service() -> None:
    assert render_service_rules("172.20.0.0/16", 4242, Ports()) == SERVICE


def test_other_ports() -> None:
    moved = SERVICE.replace("15000", "25000").replace("15001", "25001")
    rendered = render_service_rules("172.20.0.0/16", 4242, Ports(25000, 25001))
    assert rendered == moved


def test_an_edge() -> None:
    assert render_edge_rules("172.20.0.0/16", 4242, "eth1") == EDGE


def test_docker_s_name_server_is_never_flushed() -> None:
    for rules in (SERVICE, EDGE, IPV6_RULES):
        assert "-F" not in rules.split()
        assert ":OUTPUT" not in rules.partition("*nat")[2]


def test_over_ipv6_there_is_only_loopback() -> None:
    accepted = [line for line in IPV6_RULES.splitlines() if "ACCEPT" in line]
    assert accepted == ["-A INPUT -i lo -j ACCEPT", "-A OUTPUT -o lo -j ACCEPT"]
    assert IPV6_RULES.count("DROP [0:0]") == 3
