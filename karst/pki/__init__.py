"""Identities and the certificate authorities that vouch for them."""

from karst.pki.authority import CertificateAuthority, Leaf, LocalAuthority, validity
from karst.pki.files import FolderFiles, KeptFiles, TargetFiles
from karst.pki.identity import TRUST_DOMAIN, Identity
from karst.pki.stack_authority import StackAuthorities
from karst.pki.store import SecretsStore, authority_from_pem

__all__ = [
    "TRUST_DOMAIN",
    "CertificateAuthority",
    "FolderFiles",
    "Identity",
    "KeptFiles",
    "Leaf",
    "LocalAuthority",
    "SecretsStore",
    "StackAuthorities",
    "TargetFiles",
    "authority_from_pem",
    "validity",
]
