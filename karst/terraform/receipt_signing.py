"""Who vouches for a receipt: a shared key, or the forge's token for the very job."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from karst.errors import ConfigError
from karst.secret import Secret
from karst.terraform.receipt import Receipt, VoidReceiptError

Scheme = Literal["hmac-sha256", "id-token"]
_SHORTEST_KEY = 32
_DOMAIN = b"karst receipt 1\n"
_ALGORITHMS = ["RS256", "ES256"]
_WORDS = re.compile(r"[A-Za-z0-9+/=._-]+")


@dataclass(frozen=True)
class Signature:
    """Who signed and how.

    Attributes:
        key_id: of a shared key, 16 hex digits; of a token, "-".
        value: hex digits, or the token.
    """

    scheme: Scheme
    key_id: str
    value: str


class Signer(Protocol):
    """Vouches for a payload."""

    def sign(self, payload: str) -> Signature: ...


class Verifier(Protocol):
    """Tells whether a signature counts."""

    def verify(self, payload: str, signature: Signature, receipt: Receipt) -> None:
        """Raise VoidReceiptError unless `signature` vouches for `payload`.

        `receipt` is what the payload says, so that a token's claims can be compared.
        """
        ...


def message_digest(payload: str) -> str:
    """SHA-256 over a payload, in hex: what a token's audience names."""
    return hashlib.sha256(_DOMAIN + payload.encode()).hexdigest()


# --- a shared key ---


@dataclass(frozen=True)
class SharedKey:
    """A key that plan and apply have in common."""

    secret: Secret = field(repr=False)

    @property
    def id(self) -> str:
        return self._hmac(b"karst receipt key")[:16]

    def mac(self, payload: str) -> str:
        return self._hmac(_DOMAIN + payload.encode())

    def _hmac(self, message: bytes) -> str:
        key = self.secret.reveal().encode()
        return hmac.new(key, message, hashlib.sha256).hexdigest()


def parse_keys(text: Secret) -> tuple[SharedKey, ...]:
    """Keys, one on each line: the first signs, all are accepted.

    Raises ConfigError for a line that is too short to be a key.
    """
    lines = [line.strip() for line in text.reveal().splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        if len(line) < _SHORTEST_KEY:
            raise ConfigError(
                f"key {number} has fewer than {_SHORTEST_KEY} characters",
                where="input receipt-key",
                remedy="make one with `openssl rand -base64 32`; several go on a line each, the newest first",
            )
    return tuple(SharedKey(Secret(line)) for line in lines)


@dataclass(frozen=True)
class KeySigner:
    key: SharedKey

    def sign(self, payload: str) -> Signature:
        return Signature("hmac-sha256", self.key.id, self.key.mac(payload))


@dataclass(frozen=True)
class KeyVerifier:
    """Accepts every key given, so that a new one can come before the old one goes."""

    keys: tuple[SharedKey, ...]

    def verify(
        self,
        payload: str,
        signature: Signature,
        receipt: Receipt,  # noqa: ARG002  (a key says nothing of whose job it was)
    ) -> None:
        if signature.scheme != "hmac-sha256":
            raise VoidReceiptError("it is signed by a token, and only keys are trusted")
        named = [key for key in self.keys if key.id == signature.key_id]
        if not named:
            raise VoidReceiptError(
                f"it is signed by another key (id {signature.key_id:.16})"
            )
        expected = named[0].mac(payload).encode()
        if not hmac.compare_digest(expected, signature.value.encode()):
            raise VoidReceiptError("its signature is wrong")


# --- the job's own token ---


def audience(payload: str) -> str:
    """The audience of a token that vouches for `payload`, and for nothing else."""
    return f"karst-receipt:{message_digest(payload)}"


@dataclass(frozen=True)
class TokenSigner:
    """Asks the forge for a token with an audience; `ask` raises PublishError."""

    ask: Callable[[str], str]

    def sign(self, payload: str) -> Signature:
        return Signature("id-token", "-", self.ask(audience(payload)))


Claims = Mapping[str, Any]


@dataclass(frozen=True)
class TokenVerifier:
    """Accepts tokens of one issuer whose audience is the receipt.

    A token ends after minutes and a receipt is read after days: when it was issued
    does not matter, so its `exp` is not looked at.

    Attributes:
        issuer: the claim `iss`.
        key_set: the issuer's keys, a JWKS document; or how to get it, which raises
            PublishError and is asked once a token is there to check.
        refuse: says why a token's claims do not fit a receipt, or None: whose job it
            was differs from forge to forge.
    """

    issuer: str
    key_set: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    refuse: Callable[[Claims, Receipt], str | None]

    def verify(self, payload: str, signature: Signature, receipt: Receipt) -> None:
        if signature.scheme != "id-token":
            raise VoidReceiptError("it is signed by a key, and only tokens are trusted")
        reason = self.refuse(self._claims(payload, signature.value), receipt)
        if reason:
            raise VoidReceiptError(f"its token was issued to another job: {reason}")

    def _claims(self, payload: str, token: str) -> Claims:
        import jwt

        keys = self.key_set() if callable(self.key_set) else self.key_set
        try:
            header = jwt.get_unverified_header(token)
            key = jwt.PyJWKSet.from_dict(dict(keys))[header.get("kid", "")]
            claims: Claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=audience(payload),
                issuer=self.issuer,
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "strict_aud": True,
                    "require": ["iss", "aud"],
                },
            )
        except KeyError:
            raise VoidReceiptError(
                "the issuer has no such key (any more) as its token names"
            ) from None
        except jwt.PyJWTError as error:
            raise VoidReceiptError(f"its token is not good: {error}") from None
        return claims


# --- several ---


@dataclass(frozen=True)
class AnyVerifier:
    """Accepts what one of several accepts."""

    verifiers: Sequence[Verifier]

    def verify(self, payload: str, signature: Signature, receipt: Receipt) -> None:
        reasons = []
        for verifier in self.verifiers:
            try:
                return verifier.verify(payload, signature, receipt)
            except VoidReceiptError as void:
                reasons.append(str(void))
        raise VoidReceiptError(
            "; ".join(reasons) or "there is no key here to check it by"
        )


# --- payload and signature as one line ---


def write_signed(payload: str, signature: Signature) -> str:
    """Four words: scheme, key, signature, payload."""
    return f"{signature.scheme} {signature.key_id} {signature.value} {payload}"


def read_signed(text: str) -> tuple[str, Signature]:
    """Read what `write_signed` wrote: payload and signature; raises VoidReceiptError."""
    words = text.split(" ")
    if len(words) != 4 or not all(_WORDS.fullmatch(word) for word in words):
        raise VoidReceiptError("the receipt is not four words")
    scheme, key_id, value, payload = words
    for known in get_args(Scheme):
        if scheme == known:
            return payload, Signature(known, key_id, value)
    raise VoidReceiptError(
        f"it is signed by '{scheme:.20}', which this karst does not know"
    )
