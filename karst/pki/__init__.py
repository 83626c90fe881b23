"""Identities and the certificate authorities that vouch for them."""

from karst.pki.authority import CertificateAuthority, Leaf, LocalAuthority
from karst.pki.identity import TRUST_DOMAIN, Identity
from karst.pki.store import SecretsDirectory, authority_from_pem
from karst.pki.terminal import TerminalAuthorities

__all__ = [
    "TRUST_DOMAIN",
    "CertificateAuthority",
    "Identity",
    "Leaf",
    "LocalAuthority",
    "SecretsDirectory",
    "TerminalAuthorities",
    "authority_from_pem",
]
