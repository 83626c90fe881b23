"""Who a service is: a SPIFFE id and the names that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

TRUST_DOMAIN = "karst.internal"


@dataclass(frozen=True, order=True)
class Identity:
    """A service of a stack within a trust domain (SPIFFE-ID specification, section 2).

    `hosts` are further names and IPv4 addresses for the certificate: a door's, which
    browsers know by the host's.
    """

    stack: str
    service: str
    trust_domain: str = TRUST_DOMAIN
    hosts: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        return f"spiffe://{self.trust_domain}/{self.stack}/{self.service}"

    @property
    def dns(self) -> str:
        """The name asked for in SNI: unlike the bare service name, unique to the stack."""
        return f"{self.service}.{self.stack}.{self.trust_domain}"

    @property
    def dns_names(self) -> tuple[str, ...]:
        return (self.dns, self.service, *(h for h in self.hosts if not _is_address(h)))

    @property
    def addresses(self) -> tuple[IPv4Address, ...]:
        return tuple(IPv4Address(h) for h in self.hosts if _is_address(h))


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
