"""A stack's one authority: given as inputs, else kept in a folder or on the target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from karst.errors import CertificateError
from karst.pki.authority import CertificateAuthority, Leaf, LocalAuthority
from karst.pki.identity import Identity
from karst.pki.store import SecretsStore, authority_from_pem
from karst.secret import Secret


@dataclass(frozen=True)
class StackAuthorities:
    """Finds the one authority of a stack and keeps its certificates.

    Attributes:
        also: another place where the authority may be; certificates are not kept there.
        given: CA certificate and key as inputs (PEM texts), or None.
    """

    store: SecretsStore
    given: tuple[str, Secret] | None = None
    also: SecretsStore | None = None

    def authority(
        self, stack: str, *, expected: str, now: datetime
    ) -> CertificateAuthority:
        """The stack's authority; a new development one only for a new stack."""
        found = self._find(now)
        if found is None:
            if expected:
                raise CertificateError(
                    f"the running services of '{stack}' trust a CA whose key is not here",
                    where=self.store.where,
                    remedy="bring back ca.pem and ca.key from where the stack was deployed, give them as inputs, or `karst destroy` first; a second CA would cut every service off",
                )
            return self.store.create_authority(stack, now)
        if expected and found.fingerprint != expected:
            raise CertificateError(
                f"the running services of '{stack}' trust another CA than this one",
                where=self.store.where,
                remedy=f"use the CA with fingerprint {expected[:16]}, or `karst destroy` first",
            )
        return found

    def _find(self, now: datetime) -> LocalAuthority | None:
        if self.given:
            certificate, key = self.given
            where = "KARST_CA_CERTIFICATE and KARST_CA_KEY"
            return authority_from_pem(certificate, key, where=where, now=now)
        found = self.store.load_authority(now)
        if found is None and self.also:
            found = self.also.load_authority(now)
        return found

    def leaf(
        self,
        authority: CertificateAuthority,
        identity: Identity,
        *,
        now: datetime,
        lifetime: timedelta,
    ) -> Leaf:
        return self.store.leaf(authority, identity, now=now, lifetime=lifetime)

    def save(self) -> None:
        """Have every certificate issued so far kept for good."""
        self.store.files.save()
