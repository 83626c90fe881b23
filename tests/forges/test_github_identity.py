"""ID tokens over real HTTP: asked for by a job, checked against an issuer's keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from karst.forges.github_identity import (
    issuer_of,
    open_token_signer,
    open_token_verifier,
)
from karst.forges.publishing import PublishFailure
from karst.report.sealed import CommentHeader, open_sealed, seal, unseal
from karst.terraform.receipt import Receipt, VoidReceiptError
from tests.fakes.exchange import Reply, Request
from tests.fakes.server import FakeServer
from tests.fakes.world import FakeTime

pytestmark = pytest.mark.processes

HEADER = CommentHeader("shop")
RECEIPT = Receipt("acme/shop", "shop", "", "", 7, "c1" * 20, "1.0")
WORD = "canary-request-token"
FIRST, SECOND = (rsa.generate_private_key(65537, 2048) for _ in range(2))


@dataclass
class Issuer(FakeServer):
    """Issues tokens to whoever has the job's word, and publishes its keys."""

    claims: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=lambda: {"k1": FIRST})
    signs_with: str = "k1"

    def answer(self, request: Request) -> Reply:
        if request.path == "/.well-known/jwks":
            return Reply(200, {"keys": [self._public(kid) for kid in self.keys]})
        if request.headers.get("authorization") != f"Bearer {WORD}":
            return Reply(401, {"message": "no"})
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": request.query("audience"),
            "iat": now - 9000,
            "exp": now - 8700,
            "repository": "acme/shop",
            "ref": "refs/pull/7/merge",
            "event_name": "pull_request",
            "job_workflow_ref": "acme/shop/.github/workflows/k.yml@refs/pull/7/merge",
            **self.claims,
        }
        kid = self.signs_with
        key = self.keys.get(kid, FIRST)
        value = jwt.encode(claims, key, "RS256", headers={"kid": kid})
        return Reply(200, {"value": value})

    def _public(self, kid: str) -> dict[str, Any]:
        made = jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[kid].public_key())
        return {**json.loads(made), "kid": kid, "alg": "RS256", "use": "sig"}


OPTIONS = FakeTime().options()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as found:
        yield found


def environ(issuer: Issuer, word: str = WORD) -> dict[str, str]:
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": word,
    }


def sealed_by(issuer: Issuer, receipt: Receipt = RECEIPT) -> str:
    signer = open_token_signer(environ(issuer), OPTIONS)
    assert signer
    return seal("body", HEADER, receipt, signer)


def opened(issuer: Issuer, text: str, **more: str) -> Receipt:
    verifier = open_token_verifier(OPTIONS, "main", issuer=issuer.url, **more)
    sealed = open_sealed(text)
    assert sealed
    return unseal(sealed, verifier)


def test_a_job_s_token_vouches_for_its_receipt(issuer: Issuer) -> None:
    text = sealed_by(issuer)
    assert replace(opened(issuer, text), body="") == RECEIPT
    assert len(text) < 4_000


def test_the_keys_are_read_once_and_only_for_a_token(issuer: Issuer) -> None:
    verifier = open_token_verifier(OPTIONS, "main", issuer=issuer.url)
    assert issuer.requests("jwks") == []
    sealed = open_sealed(sealed_by(issuer))
    assert sealed
    for _ in range(2):
        unseal(sealed, verifier)
    assert len(issuer.requests("jwks")) == 1


def test_another_body_is_void(issuer: Issuer) -> None:
    with pytest.raises(VoidReceiptError, match="edited"):
        opened(issuer, sealed_by(issuer).replace("body", "bodies"))


def test_another_receipt_s_token_is_void(issuer: Issuer) -> None:
    mine = sealed_by(issuer).splitlines()[-1].split(" ")
    other = sealed_by(issuer, replace(RECEIPT, head="d1" * 20)).split(" ")
    other[-3:-1] = [mine[-3], other[-2]]
    with pytest.raises(VoidReceiptError, match="not good"):
        opened(issuer, " ".join(other))


def test_keys_that_were_rotated_out_vouch_no_more(issuer: Issuer) -> None:
    old = sealed_by(issuer)
    issuer.keys, issuer.signs_with = {"k1": FIRST, "k2": SECOND}, "k2"
    opened(issuer, old)
    opened(issuer, sealed_by(issuer))
    del issuer.keys["k1"]
    with pytest.raises(VoidReceiptError, match="no such key"):
        opened(issuer, old)


QUEUE = "refs/heads/gh-readonly-queue/main/pr-7-c0ffee"


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "Acme/Shop"},
        {"ref": QUEUE, "event_name": "merge_group"},
        {"ref": "refs/heads/main", "event_name": "issue_comment"},
    ],
)
def test_jobs_on_the_request_s_account_may_sign(
    issuer: Issuer, claims: dict[str, str]
) -> None:
    issuer.claims = claims
    opened(issuer, sealed_by(issuer))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"repository": "mallory/shop"}, "of repository mallory/shop"),
        ({"ref": "refs/pull/8/merge"}, "for refs/pull/8/merge"),
        ({"ref": "refs/pull/77/merge"}, "for refs/pull/77/merge"),
        ({"ref": "refs/heads/feature"}, "for refs/heads/feature"),
        ({"ref": QUEUE.replace("pr-7", "pr-77")}, "for refs/heads/gh-readonly"),
        (
            {"ref": "refs/heads/main", "event_name": "pull_request_target"},
            "on pull_request_target",
        ),
        ({"ref": 7}, "for 7"),
    ],
)
def test_any_other_job_s_token_is_void(
    issuer: Issuer, claims: dict[str, Any], said: str
) -> None:
    issuer.claims = claims
    with pytest.raises(VoidReceiptError, match=said):
        opened(issuer, sealed_by(issuer))


def test_only_one_workflow_may_sign_where_it_is_named(issuer: Issuer) -> None:
    ours = "acme/ci/.github/workflows/plan.yml@refs/heads/main"
    changed = sealed_by(issuer)
    with pytest.raises(VoidReceiptError, match="of workflow acme/shop/"):
        opened(issuer, changed, workflow=ours)
    issuer.claims = {"job_workflow_ref": ours}
    opened(issuer, sealed_by(issuer), workflow=ours)


@pytest.mark.parametrize(
    ("server", "issuer"),
    [
        ("", "https://token.actions.githubusercontent.com"),
        ("https://github.com", "https://token.actions.githubusercontent.com"),
        ("https://acme.ghe.com", "https://token.actions.acme.ghe.com"),
        ("https://git.acme.test", "https://git.acme.test/_services/token"),
    ],
)
def test_each_github_has_its_issuer(server: str, issuer: str) -> None:
    assert issuer_of(server) == issuer


def test_without_the_permission_there_is_no_signer(issuer: Issuer) -> None:
    assert open_token_signer({}, OPTIONS) is None
    half = environ(issuer)
    del half["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    assert open_token_signer(half, OPTIONS) is None


def test_a_refused_token_is_a_sentence_without_its_word(issuer: Issuer) -> None:
    signer = open_token_signer(environ(issuer, "wrong-canary-word"), OPTIONS)
    assert signer
    with pytest.raises(PublishFailure, match="HTTP 401") as caught:
        signer.sign("payload")
    assert "id-token: write" in caught.value.remedy
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "document", [{"value": "no token"}, {"value": 1}, {}, ["a"], None]
)
def test_nonsense_is_no_token(issuer: Issuer, document: Any) -> None:
    issuer.fail(change=lambda _: Reply(200, document), times=1)
    signer = open_token_signer(environ(issuer), OPTIONS)
    assert signer
    with pytest.raises(PublishFailure):
        signer.sign("payload")


def test_an_issuer_that_is_not_there_is_a_sentence_not_a_refusal(
    issuer: Issuer,
) -> None:
    text = sealed_by(issuer)
    url = issuer.url
    issuer.close()
    verifier = open_token_verifier(OPTIONS, "main", issuer=url)
    sealed = open_sealed(text)
    assert sealed
    with pytest.raises(PublishFailure, match="issuer's keys failed"):
        unseal(sealed, verifier)
