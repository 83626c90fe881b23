"""Who a service is: a SPIFFE id and the names that go with it."""

from __future__ import annotations

from dataclasses import dataclass

TRUST_DOMAIN = "karst.internal"


@dataclass(frozen=True, order=True)
class Identity:
    """A service of a stack within a trust domain (SPIFFE-ID specification, section 2)."""

    stack: str
    service: str
    trust_domain: str = TRUST_DOMAIN

    @property
    def uri(self) -> str:
        return f"spiffe://{self.trust_domain}/{self.stack}/{self.service}"

    @property
    def dns(self) -> str:
        """The name asked for in SNI: unlike the bare service name, unique to the stack."""
        return f"{self.service}.{self.stack}.{self.trust_domain}"

    @property
    def dns_names(self) -> tuple[str, ...]:
        return (self.dns, self.service)
