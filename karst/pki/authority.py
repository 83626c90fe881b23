"""Certificate authorities: one Protocol, and the one whose key is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from karst.pki.identity import Identity
from karst.secret import Secret

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CA_LIFETIME = timedelta(days=3650)
# Clocks of engine and terminal differ; a certificate valid from "now" would be refused.
BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Leaf:
    """A service's certificate: PEM chain (leaf first), its key, and what it says."""

    certificate_pem: str
    key_pem: Secret
    serial: str
    not_before: datetime
    not_after: datetime


class CertificateAuthority(Protocol):
    """Whoever can issue for an identity: a local key, or an external authority."""

    @property
    def bundle_pem(self) -> str:
        """The certificates to trust, PEM."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the issuing certificate, hex."""
        ...

    def issue(self, identity: Identity, *, now: datetime, lifetime: timedelta) -> Leaf:
        """Issue a certificate for `identity`, with a new key."""
        ...


@dataclass(frozen=True)
class LocalAuthority:
    """An authority whose key is in this process.

    Attributes:
        certificate: the issuing certificate.
        key: its private key.
        bundle_pem: the certificates to trust; holds the root where the issuer is not it.
    """

    certificate: x509.Certificate
    key: SigningKey
    bundle_pem: str

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key_pem(self) -> Secret:
        return _private_pem(self.key)

    @classmethod
    def create(cls, stack: str, *, now: datetime) -> LocalAuthority:
        """Make a self-signed development authority for one stack (EC P-256, ten years)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{stack} karst CA")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(now + CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key, _pem(certificate))

    def issue(self, identity: Identity, *, now: datetime, lifetime: timedelta) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        not_before = max(now - BACKDATE, self.certificate.not_valid_before_utc)
        not_after = min(now + lifetime, self.certificate.not_valid_after_utc)
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri)]
        names.extend(x509.DNSName(name) for name in identity.dns_names)
        names.extend(x509.IPAddress(address) for address in identity.addresses)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.service)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(
                x509.BasicConstraints(ca=False, path_length=None), critical=True
            )
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self.key.public_key()
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        chain = _pem(certificate)
        if self.certificate.subject != self.certificate.issuer:
            chain += _pem(self.certificate)
        return Leaf(
            chain,
            _private_pem(key),
            f"{certificate.serial_number:x}",
            not_before,
            not_after,
        )


def validity(certificate_pem: str) -> tuple[datetime, datetime] | None:
    """From when until when a certificate (the first of a chain) is good; None: none."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        return None
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(
    key: SigningKey,
) -> Secret:
    return Secret(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    )
