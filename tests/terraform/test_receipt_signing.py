"""Who may vouch for a receipt: keys, several keys, and a job's own token."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from karst.errors import ConfigError
from karst.secret import Secret
from karst.terraform.receipt import Receipt, VoidReceiptError
from karst.terraform.receipt_signing import (
    AnyVerifier,
    KeySigner,
    KeyVerifier,
    Signature,
    TokenSigner,
    TokenVerifier,
    audience,
    parse_keys,
    read_signed,
    write_signed,
)
from karst.terraform.receipt_text import encode

OLD, NEW = "o" * 32, "n" * 40
RECEIPT = Receipt("acme/shop", "shop", "", "", 7, "c1" * 20, "1.0")
PAYLOAD = encode(RECEIPT)
ISSUER = "https://token.example.test"


def keys(text: str) -> KeyVerifier:
    return KeyVerifier(parse_keys(Secret(text)))


def signer(text: str) -> KeySigner:
    return KeySigner(parse_keys(Secret(text))[0])


# --- keys ---


def test_the_key_that_signed_accepts() -> None:
    keys(OLD).verify(PAYLOAD, signer(OLD).sign(PAYLOAD), RECEIPT)


def test_the_first_key_signs_and_all_are_accepted() -> None:
    """A new key goes before the old one; the old one goes when its receipts have."""
    rotated = f"{NEW}\n  {OLD}\n\n"
    assert signer(rotated).sign(PAYLOAD) == signer(NEW).sign(PAYLOAD)
    for signature in (signer(OLD).sign(PAYLOAD), signer(NEW).sign(PAYLOAD)):
        keys(rotated).verify(PAYLOAD, signature, RECEIPT)
    with pytest.raises(VoidReceiptError, match="signed by another key"):
        keys(NEW).verify(PAYLOAD, signer(OLD).sign(PAYLOAD), RECEIPT)


def test_a_key_id_says_nothing_of_the_key_but_which() -> None:
    (old,), (new,) = parse_keys(Secret(OLD)), parse_keys(Secret(NEW))
    assert old.id != new.id
    assert len(old.id) == 16
    assert OLD not in repr(old)
    assert OLD not in repr(signer(OLD))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: Signature(s.scheme, s.key_id, "0" * 64),
        lambda s: Signature(s.scheme, s.key_id, s.value[:-1]),
        lambda s: Signature(s.scheme, s.key_id, s.value.upper()),
        lambda s: Signature(s.scheme, s.key_id, "é"),
        lambda s: Signature(s.scheme, "0" * 16, s.value),
        lambda s: Signature("id-token", s.key_id, s.value),
    ],
)
def test_any_other_signature_is_void(change: Any) -> None:
    with pytest.raises(VoidReceiptError):
        keys(OLD).verify(PAYLOAD, change(signer(OLD).sign(PAYLOAD)), RECEIPT)


def test_another_payload_is_void() -> None:
    signature = signer(OLD).sign(PAYLOAD)
    with pytest.raises(VoidReceiptError, match="its signature is wrong"):
        keys(OLD).verify(PAYLOAD.swapcase(), signature, RECEIPT)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="key 2 has fewer than 32") as caught:
        parse_keys(Secret(f"{NEW}\nhunter2"))
    assert "hunter2" not in str(caught.value)


def test_no_key_accepts_nothing() -> None:
    with pytest.raises(VoidReceiptError):
        keys("").verify(PAYLOAD, signer(OLD).sign(PAYLOAD), RECEIPT)
    with pytest.raises(VoidReceiptError, match="no key here"):
        AnyVerifier(()).verify(PAYLOAD, signer(OLD).sign(PAYLOAD), RECEIPT)


def test_a_line_of_four_words() -> None:
    signature = signer(OLD).sign(PAYLOAD)
    assert read_signed(write_signed(PAYLOAD, signature)) == (PAYLOAD, signature)
    for text in ("", "a b c", "hmac-md5 a b c", "hmac-sha256 a b  c", "a b c d e"):
        with pytest.raises(VoidReceiptError):
            read_signed(text)


# --- tokens ---

RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def key_set() -> Mapping[str, Any]:
    ours = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key()))
    theirs = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key()))
    return {
        "keys": [
            {**ours, "kid": "k1", "use": "sig", "alg": "RS256"},
            {**theirs, "kid": "k2", "use": "sig", "alg": "ES256"},
        ]
    }


def token(
    key: Any = RSA, kid: str = "k1", algorithm: str = "RS256", **claims: Any
) -> str:
    issued = int(time.time()) - 9 * 86400
    whole = {
        "iss": ISSUER,
        "aud": audience(PAYLOAD),
        "iat": issued,
        "nbf": issued,
        "exp": issued + 300,
        "repository": "acme/shop",
        **claims,
    }
    whole = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(whole, key, algorithm, headers={"kid": kid})


def refuse(claims: Mapping[str, Any], receipt: Receipt) -> str | None:
    named = claims.get("repository")
    return None if named == receipt.repository else f"of {named}"


VERIFIER = TokenVerifier(ISSUER, key_set(), refuse)


def verify(text: str) -> None:
    VERIFIER.verify(PAYLOAD, Signature("id-token", "-", text), RECEIPT)


def test_a_token_of_days_ago_still_vouches() -> None:
    verify(token())
    verify(token(EC, "k2", "ES256"))


def test_a_token_is_asked_for_with_the_receipt_as_its_audience() -> None:
    asked = []

    def ask(wanted: str) -> str:
        asked.append(wanted)
        return token(aud=wanted)

    signature = TokenSigner(ask).sign(PAYLOAD)
    VERIFIER.verify(PAYLOAD, signature, RECEIPT)
    assert asked == [audience(PAYLOAD)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (token(aud=audience(PAYLOAD + "A")), "not good"),
        (token(aud=[audience(PAYLOAD), "more"]), "not good"),
        (token(aud=None), "not good"),
        (token(iss="https://other.example.test"), "not good"),
        (token(OTHER), "not good"),
        (token(kid="k9"), "no such key"),
        (token("s" * 32, algorithm="HS256"), "not good"),
        (token(repository="mallory/shop"), "another job: of mallory/shop"),
        ("a.b.c", "not good"),
        ("", "not good"),
    ],
)
def test_any_other_token_is_void(text: str, why: str) -> None:
    with pytest.raises(VoidReceiptError, match=why):
        verify(text)


def test_an_unsigned_token_is_void() -> None:
    unsigned = jwt.encode({"iss": ISSUER, "aud": audience(PAYLOAD)}, None, "none")
    with pytest.raises(VoidReceiptError):
        verify(unsigned)


def test_keys_and_tokens_side_by_side() -> None:
    both = AnyVerifier((keys(OLD), VERIFIER))
    both.verify(PAYLOAD, signer(OLD).sign(PAYLOAD), RECEIPT)
    both.verify(PAYLOAD, Signature("id-token", "-", token()), RECEIPT)
    with pytest.raises(VoidReceiptError, match=r"another key.*only tokens are trusted"):
        both.verify(PAYLOAD, signer(NEW).sign(PAYLOAD), RECEIPT)
