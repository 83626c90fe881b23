"""The packet rules of a sidecar's network namespace, as iptables-restore text.

Every rule set is read with --noflush: Docker's name server lives in the nat table.
The filter table comes first, so that nothing is let in before it is redirected.
Facts these rules lean on:

- The kernel matches `-o` against the interface chosen before nat: a redirected packet
  still shows the real one, but its destination is 127.0.0.1 already.
- The conntrack state DNAT holds only where redirecting changed something. A stranger who
  dials 15000 itself changes nothing, and is dropped.
- `owner` never matches a packet without a socket, so ranges of foreign gids are
  named, rather than "not Envoy's": else Envoy's own closing packets would be lost.
- /proc/net/tcp shows every app of the namespace the uid of Envoy's sockets, and an app
  that may write its own /etc/passwd chooses its uid at its container's next start. No
  file of the kernel shows a socket's gid: hence rules by gid.
"""

from __future__ import annotations

from karst.runner.settings import Ports

LAST_GID = 4294967294

_SERVICE = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp --dport {inbound} -m conntrack --ctstate DNAT -j ACCEPT
-A OUTPUT -o lo -p tcp -m multiport --dports {inbound},{outbound} -m conntrack ! --ctstate DNAT -m owner ! --gid-owner {envoy} -j REJECT --reject-with tcp-reset
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -d 127.0.0.0/8 -j ACCEPT
-A OUTPUT -p tcp --sport {inbound} -m owner --gid-owner 0-{below} -j DROP
-A OUTPUT -p tcp --sport {inbound} -m owner --gid-owner {above}-{last} -j DROP
-A OUTPUT -d {subnet} -p tcp -m owner --gid-owner {envoy} -j ACCEPT
-A OUTPUT -d {subnet} -p tcp -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A OUTPUT -d {subnet} -j REJECT --reject-with icmp-admin-prohibited
-A OUTPUT -d 224.0.0.0/4 -j DROP
-A OUTPUT -d 255.255.255.255/32 -j DROP
COMMIT
*nat
-A PREROUTING -p tcp ! -i lo -j REDIRECT --to-ports {inbound}
-A OUTPUT -p tcp ! -o lo -d {subnet} -m owner ! --gid-owner {envoy} -j REDIRECT --to-ports {outbound}
COMMIT
"""

_EDGE = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i {mesh} -j DROP
-A INPUT -d {subnet} -j DROP
-A INPUT -p tcp -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -d {subnet} -p tcp -m owner --gid-owner {envoy} -j ACCEPT
-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
"""

# Read by ip6tables-restore: the mesh speaks IPv4, so over IPv6 there is only loopback.
IPV6_RULES = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
COMMIT
"""


def render_service_rules(subnet: str, envoy: int, ports: Ports) -> str:
    """Redirect all TCP through Envoy; close every other way in, and out to `subnet`.

    `envoy` is the gid that Envoy runs under.
    """
    return _SERVICE.format(
        subnet=subnet,
        envoy=envoy,
        below=envoy - 1,
        above=envoy + 1,
        last=LAST_GID,
        inbound=ports.inbound,
        outbound=ports.outbound,
    )


def render_edge_rules(subnet: str, envoy: int, mesh_interface: str) -> str:
    """Open the door's side, close the mesh's, and let only Envoy call into the mesh."""
    return _EDGE.format(subnet=subnet, envoy=envoy, mesh=mesh_interface)
