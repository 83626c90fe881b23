"""Certificates are parsed back and judged by what they say."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from karst.errors import CertificateError
from karst.pki import (
    FolderFiles,
    Identity,
    LocalAuthority,
    SecretsStore,
    StackAuthorities,
    authority_from_pem,
)
from karst.secret import Secret

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
API = Identity("shop", "api")
LIFE = timedelta(days=90)


@pytest.fixture(scope="module")
def authority() -> LocalAuthority:
    return LocalAuthority.create("shop", now=NOW)


def parse(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_a_leaf_says_who_it_is(authority: LocalAuthority) -> None:
    leaf = authority.issue(API, now=NOW, lifetime=LIFE)
    certificate = parse(leaf.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://karst.internal/shop/api"
    ]
    assert names.value.get_values_for_type(x509.DNSName) == [
        "api.shop.karst.internal",
        "api",
    ]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + LIFE == leaf.not_after
    assert f"{certificate.serial_number:x}" == leaf.serial
    key = load_pem_private_key(leaf.key_pem.reveal().encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()


def test_a_leaf_verifies_against_its_authority_and_no_other(
    authority: LocalAuthority,
) -> None:
    leaf = parse(authority.issue(API, now=NOW, lifetime=LIFE).certificate_pem)

    def verify(trusted: LocalAuthority) -> None:
        store = Store([trusted.certificate])
        builder = PolicyBuilder().store(store).time(NOW)
        builder.build_client_verifier().verify(leaf, [])

    verify(authority)
    with pytest.raises(x509.verification.VerificationError):
        verify(LocalAuthority.create("shop", now=NOW))


def test_a_leaf_never_outlives_its_authority(authority: LocalAuthority) -> None:
    late = authority.certificate.not_valid_after_utc - timedelta(days=1)
    leaf = authority.issue(API, now=late, lifetime=LIFE)
    assert leaf.not_after == authority.certificate.not_valid_after_utc


def test_files_are_private_and_named_by_service(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    folder = SecretsStore(FolderFiles(path))
    made = folder.create_authority("shop", NOW)
    folder.leaf(made, API, now=NOW, lifetime=LIFE)
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in path.iterdir()}
    assert modes == dict.fromkeys(("ca.pem", "ca.key", "api.crt", "api.key"), 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    loaded = folder.load_authority(NOW)
    assert loaded is not None
    assert loaded.fingerprint == made.fingerprint


@pytest.mark.parametrize(
    ("days", "renewed"), [(0, False), (44, False), (46, True), (100, True)]
)
def test_a_leaf_is_renewed_past_half_its_life(
    tmp_path: Path, days: int, renewed: bool
) -> None:
    folder = SecretsStore(FolderFiles(tmp_path))
    authority = folder.create_authority("shop", NOW)
    first = folder.leaf(authority, API, now=NOW, lifetime=LIFE)
    later = NOW + timedelta(days=days)
    second = folder.leaf(authority, API, now=later, lifetime=LIFE)
    assert (second.serial != first.serial) is renewed


def test_a_leaf_of_another_authority_or_service_is_not_kept(tmp_path: Path) -> None:
    folder = SecretsStore(FolderFiles(tmp_path))
    first = folder.leaf(
        folder.create_authority("shop", NOW), API, now=NOW, lifetime=LIFE
    )
    other = LocalAuthority.create("shop", now=NOW)
    second = folder.leaf(other, API, now=NOW, lifetime=LIFE)
    assert second.serial != first.serial
    stolen = Identity("other", "api")
    assert folder.leaf(other, stolen, now=NOW, lifetime=LIFE).serial != second.serial


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("ca.key", None, "ca.key is missing beside its other half"),
        ("ca.pem", "nonsense", "the CA's certificate or key can't be read"),
        ("ca.key", "foreign", "the CA's key does not belong to its certificate"),
        ("ca.pem", "leaf", "the certificate is not a CA's (no CA:TRUE)"),
    ],
)
def test_a_bad_authority_is_a_sentence(
    tmp_path: Path, name: str, content: str | None, sentence: str
) -> None:
    folder = SecretsStore(FolderFiles(tmp_path))
    made = folder.create_authority("shop", NOW)
    file = tmp_path / name
    if content is None:
        file.unlink()
    elif content == "foreign":
        file.write_text(LocalAuthority.create("x", now=NOW).key_pem.reveal())
    elif content == "leaf":
        leaf = made.issue(API, now=NOW, lifetime=LIFE)
        file.write_text(leaf.certificate_pem)
        (tmp_path / "ca.key").write_text(leaf.key_pem.reveal())
    else:
        file.write_text(content)
    with pytest.raises(CertificateError) as caught:
        folder.load_authority(NOW)
    assert sentence in caught.value.what
    assert str(tmp_path) in caught.value.where
    assert caught.value.exit_code == 23


def test_an_expired_authority_is_a_sentence(tmp_path: Path) -> None:
    folder = SecretsStore(FolderFiles(tmp_path))
    folder.create_authority("shop", NOW)
    with pytest.raises(CertificateError, match="the CA expired on 2036-11-19"):
        folder.load_authority(NOW + timedelta(days=3660))


class TestOneAuthorityForLife:
    def test_a_new_stack_gets_one(self, tmp_path: Path) -> None:
        found = StackAuthorities(SecretsStore(FolderFiles(tmp_path))).authority(
            "shop", expected="", now=NOW
        )
        assert (tmp_path / "ca.pem").read_text() == found.bundle_pem

    def test_a_running_stack_never_gets_a_second_one(self, tmp_path: Path) -> None:
        authorities = StackAuthorities(SecretsStore(FolderFiles(tmp_path)))
        with pytest.raises(CertificateError, match="whose key is not here"):
            authorities.authority("shop", expected="ab" * 32, now=NOW)
        assert list(tmp_path.iterdir()) == []

    def test_another_one_is_refused(self, tmp_path: Path) -> None:
        folder = SecretsStore(FolderFiles(tmp_path))
        folder.create_authority("shop", NOW)
        with pytest.raises(CertificateError, match="trust another CA"):
            StackAuthorities(folder).authority("shop", expected="ab" * 32, now=NOW)

    def test_one_that_is_given_is_used(self, tmp_path: Path) -> None:
        own = LocalAuthority.create("company", now=NOW)
        given = (own.bundle_pem, own.key_pem)
        found = StackAuthorities(SecretsStore(FolderFiles(tmp_path)), given).authority(
            "shop", expected="", now=NOW
        )
        assert found.fingerprint == own.fingerprint
        assert list(tmp_path.iterdir()) == []


def test_an_intermediate_goes_into_the_chain(authority: LocalAuthority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuing")])
    from cryptography.hazmat.primitives import hashes, serialization

    issuing = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    pem = issuing.public_bytes(serialization.Encoding.PEM).decode()
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    own = authority_from_pem(
        pem + authority.bundle_pem, Secret(key_pem), where="inputs", now=NOW
    )
    chain = own.issue(API, now=NOW, lifetime=LIFE).certificate_pem
    subjects = [
        c.subject.rfc4514_string()
        for c in x509.load_pem_x509_certificates(chain.encode())
    ]
    assert subjects == ["CN=api", "CN=issuing"]
    assert own.bundle_pem.count("BEGIN CERTIFICATE") == 2
