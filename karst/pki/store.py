"""The kept authority and leaf certificates of a stack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from karst.errors import CertificateError
from karst.pki.authority import CertificateAuthority, Leaf, LocalAuthority
from karst.pki.files import KeptFiles
from karst.pki.identity import Identity
from karst.secret import Secret

_REMEDY = "put a CA certificate and its unencrypted key there, PEM, or move both away to have a new one made"


def authority_from_pem(
    certificate_pem: str, key_pem: Secret, *, where: str, now: datetime
) -> LocalAuthority:
    """Read an authority; raises CertificateError for anything that can't issue."""
    try:
        chain = x509.load_pem_x509_certificates(certificate_pem.encode())
        key = serialization.load_pem_private_key(key_pem.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"the CA's certificate or key can't be read ({error})",
            where=where,
            remedy=_REMEDY,
        ) from None
    issuer = chain[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError(
            "the CA's key is neither EC nor RSA", where=where, remedy=_REMEDY
        )
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if issuer.public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        raise CertificateError(
            "the CA's key does not belong to its certificate",
            where=where,
            remedy=_REMEDY,
        )
    try:
        is_ca = issuer.extensions.get_extension_for_class(
            x509.BasicConstraints
        ).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        raise CertificateError(
            "the certificate is not a CA's (no CA:TRUE)", where=where, remedy=_REMEDY
        )
    if issuer.not_valid_after_utc <= now:
        raise CertificateError(
            f"the CA expired on {issuer.not_valid_after_utc:%Y-%m-%d}",
            where=where,
            remedy="renew it; services keep running until their own certificates end",
        )
    return LocalAuthority(issuer, key, certificate_pem)


@dataclass(frozen=True)
class SecretsStore:
    """`ca.pem`, `ca.key` and `{service}.{crt,key}`, wherever they are kept."""

    files: KeptFiles

    @property
    def where(self) -> str:
        return self.files.where

    def load_authority(self, now: datetime) -> LocalAuthority | None:
        """Return the kept authority, or None where there is none."""
        certificate, key = self.files.read("ca.pem"), self.files.read("ca.key")
        if certificate is None and key is None:
            return None
        if certificate is None or key is None:
            raise CertificateError(
                f"{'ca.pem' if certificate is None else 'ca.key'} is missing beside its other half",
                where=self.where,
                remedy=_REMEDY,
            )
        return authority_from_pem(certificate, Secret(key), where=self.where, now=now)

    def create_authority(self, stack: str, now: datetime) -> LocalAuthority:
        """Make and keep a development authority; the key is written first.

        It is kept for good before anybody can trust it.
        """
        authority = LocalAuthority.create(stack, now=now)
        self.files.write("ca.key", authority.key_pem.reveal())
        self.files.write("ca.pem", authority.bundle_pem)
        self.files.save()
        return authority

    def leaf(
        self,
        authority: CertificateAuthority,
        identity: Identity,
        *,
        now: datetime,
        lifetime: timedelta,
    ) -> Leaf:
        """Return the kept certificate while it is good, else issue and keep a new one.

        Good: of this authority, for this identity, and not past half its life.
        """
        kept = _load_leaf(self.files, authority, identity)
        if kept and now < kept.not_before + (kept.not_after - kept.not_before) / 2:
            return kept
        leaf = authority.issue(identity, now=now, lifetime=lifetime)
        self.files.write(f"{identity.service}.key", leaf.key_pem.reveal())
        self.files.write(f"{identity.service}.crt", leaf.certificate_pem)
        return leaf


def _load_leaf(
    files: KeptFiles, authority: CertificateAuthority, identity: Identity
) -> Leaf | None:
    try:
        text = files.read(f"{identity.service}.crt") or ""
        secret = Secret(files.read(f"{identity.service}.key") or "")
        parsed = x509.load_pem_x509_certificate(text.encode())
        private = serialization.load_pem_private_key(secret.reveal().encode(), None)
        issuer = x509.load_pem_x509_certificate(authority.bundle_pem.encode())
        parsed.verify_directly_issued_by(issuer)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except Exception:
        # Whatever is wrong with a kept leaf, the answer is the same: a new one.
        return None
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    dns_names = names.value.get_values_for_type(x509.DNSName)
    public = private.public_key()
    if (
        uris != [identity.uri]
        or tuple(dns_names) != identity.dns_names
        or tuple(names.value.get_values_for_type(x509.IPAddress)) != identity.addresses
        or public != parsed.public_key()
    ):
        return None
    return Leaf(
        text,
        secret,
        f"{parsed.serial_number:x}",
        parsed.not_valid_before_utc,
        parsed.not_valid_after_utc,
    )
