"""Why a comment has no receipt, in words for its reader."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha512
from pathlib import Path
from typing import Any, cast

import pytest

from karst.context.run_context import RunContext
from karst.forges.publishing import CommentHeader
from karst.pipeline.step_review import Request, Reviewing
from karst.secret import Secret
from karst.terraform.receipt import Mark, Receipt
from karst.terraform.receipt_signing import KeySigner, parse_keys

KEY = Secret("k" * 32)
REVIEWING = Reviewing(
    RunContext("github", Path("/"), repository="acme/shop"),
    CommentHeader("shop"),
    None,
    Request(7, "c" * 40),
    KEY,
)
RECEIPT = Receipt("acme/shop", "shop", "", "", 7, "c" * 40, "1.0")


def test_one_that_has_a_receipt_says_nothing() -> None:
    assert REVIEWING.why_unsigned(RECEIPT) == ""


@pytest.mark.parametrize(
    ("reviewing", "said"),
    [
        (replace(REVIEWING, signs=False), "a run for a fork or a bot signs nothing"),
        (replace(REVIEWING, key=None), "the step has no `receipt-key`"),
        (REVIEWING, "more services change at once"),
    ],
)
def test_one_that_has_none_says_why_and_what_follows(
    reviewing: Reviewing, said: str
) -> None:
    text = reviewing.why_unsigned(None)
    assert said in text
    assert "unreviewed" in text


@pytest.mark.parametrize("more", [{"signs": False}, {"key": None}, {}])
def test_where_no_comment_is_heard_none_is_recommended(more: Any) -> None:
    context = replace(REVIEWING.context, kind="gitlab")
    text = replace(REVIEWING, context=context, **more).why_unsigned(None)
    assert "no receipt" in text
    assert "/karst" not in text
    assert "id-token" not in text


def test_a_receipt_that_is_too_long_is_none() -> None:
    many = {
        f"s{i}": {"release": Mark(sha512(str(i).encode()).hexdigest())}
        for i in range(400)
    }
    assert REVIEWING.kept(RECEIPT) is RECEIPT
    assert REVIEWING.kept(replace(RECEIPT, services=many)) is None


def test_a_key_goes_before_the_job_s_token() -> None:
    token = cast(Any, object())
    both = replace(REVIEWING, token_signer=token, token_verifier=token)
    assert both.signer == KeySigner(parse_keys(KEY)[0])
    assert both.verifier != token
    only = replace(both, key=None)
    assert (only.signer, only.verifier) == (token, token)
    assert replace(both, signs=False).signer is None
