"""The comment as text: header, body, receipt; edited, copied, confused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from karst.report.sealed import (
    LONGEST_COMMENT,
    CommentHeader,
    body_room,
    open_sealed,
    render_header,
    seal,
    unseal,
)
from karst.secret import Secret
from karst.terraform.receipt import ABSENT, Mark, Receipt, VoidReceiptError
from karst.terraform.receipt_signing import KeySigner, KeyVerifier, parse_keys

KEYS = parse_keys(Secret("k" * 32))
SIGNER, VERIFIER = KeySigner(KEYS[0]), KeyVerifier(KEYS)
HEADER = CommentHeader("shop", "ssh://deploy@host", "eu")
RECEIPT = Receipt("acme/shop", "shop", "ssh://deploy@host", "eu", 7, "c1" * 20, "1.0")
BODY = "### Plan of `shop`\n\n| | |\n|-|-|\n"


def opened(text: str) -> Receipt:
    sealed = open_sealed(text)
    assert sealed
    return unseal(sealed, VERIFIER)


def test_it_comes_back_whole() -> None:
    text = seal(BODY, HEADER, RECEIPT, SIGNER)
    sealed = open_sealed(text)
    assert sealed
    assert (sealed.header, sealed.body) == (HEADER, BODY.strip("\n"))
    assert opened(text) == replace(RECEIPT, body=opened(text).body)


def test_it_is_written_so() -> None:
    assert seal("hello", CommentHeader("shop")) == (
        '<!-- karst:comment {"label":"","stack":"shop","target":""} -->\n'
        "hello\n"
        "\n"
        "<!-- karst:receipt none -->"
    )


HOSTILE = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            [
                "-->",
                "<!--",
                "\n",
                "\r\n",
                "\u2028",
                "\x00",
                "\ud800",
                " ",
                render_header(HEADER),
                render_header(CommentHeader("other")),
                "<!-- karst:receipt none -->",
                "<!-- karst:receipt a b c d -->",
                seal("x", HEADER, RECEIPT, SIGNER),
            ]
        )
    ).map("".join),
)


@given(HOSTILE, HOSTILE)
@example("<!-- karst:receipt none -->", "")
@example(f"\n{render_header(CommentHeader('other'))}\n", "-->")
def test_no_body_confuses_the_parser(body: str, label: str) -> None:
    header = CommentHeader("shop", "", label)
    receipt = replace(RECEIPT, target="", label=label)
    text = seal(body, header, receipt, SIGNER)
    sealed = open_sealed(text)
    assert sealed
    assert sealed.header == header
    assert unseal(sealed, VERIFIER).label == label
    # Sealing what was read gives the same again, so nothing of it was lost twice.
    assert seal(sealed.body, header, receipt, SIGNER) == text


@given(HOSTILE)
def test_a_body_without_receipt_can_not_bring_one(body: str) -> None:
    sealed = open_sealed(seal(body, HEADER))
    assert sealed
    assert (sealed.header, sealed.signed) == (HEADER, "")


@given(st.text())
def test_anybody_s_text_is_no_comment_of_ours(text: str) -> None:
    assert open_sealed(text) is None


@pytest.mark.parametrize(
    "line",
    [
        "<!-- karst:comment {} -->",
        "<!-- karst:comment [] -->",
        '<!-- karst:comment {"label":1,"stack":"shop","target":""} -->',
        '<!-- karst:comment {"stack":"shop","label":"","target":""} -->',
        '<!-- karst:comment {"label":"","more":"","stack":"shop","target":""} -->',
        ' <!-- karst:comment {"label":"","stack":"shop","target":""} -->',
        '<!-- karst:comment {"label":"","stack":"shop","target":""} --> and more',
        "text\n" + render_header(HEADER),
    ],
)
def test_a_header_is_as_we_write_it_or_none(line: str) -> None:
    assert open_sealed(f"{line}\nbody\n\n<!-- karst:receipt none -->") is None


def test_an_edited_comment_is_void() -> None:
    text = seal(BODY, HEADER, RECEIPT, SIGNER)
    for edited in (text.replace("Plan", "plan"), text.replace("\n\n|", "\nmore\n|")):
        assert edited != text
        with pytest.raises(VoidReceiptError, match="the comment was edited"):
            opened(edited)


def test_other_line_ends_are_no_edit() -> None:
    """A browser's, where somebody opened the comment and saved it as it was."""
    text = seal(BODY, HEADER, RECEIPT, SIGNER)
    assert opened(text.replace("\n", "\r\n") + "\r\n") == opened(text)


def test_a_receipt_under_another_header_is_void() -> None:
    text = seal(BODY, HEADER, RECEIPT, SIGNER)
    other = render_header(replace(HEADER, label="us"))
    with pytest.raises(VoidReceiptError, match="another stack's"):
        opened(text.replace(render_header(HEADER), other))


def test_a_receipt_that_is_cut_off_or_added_is_void() -> None:
    text = seal(BODY, HEADER, RECEIPT, SIGNER)
    with pytest.raises(VoidReceiptError):
        opened(text[:-20])
    with pytest.raises(VoidReceiptError, match="has no receipt"):
        opened(seal(BODY, HEADER))
    with pytest.raises(VoidReceiptError, match="edited"):
        opened(f"{text}\n{text.splitlines()[-1]}")


def test_a_full_body_and_the_largest_receipt_fit_together() -> None:
    room = body_room(RECEIPT)
    assert len(seal("x" * room, HEADER, RECEIPT, SIGNER)) <= LONGEST_COMMENT
    assert body_room(None) == 61_536


def test_what_has_room_can_be_sealed() -> None:
    """The digest of the body goes in last: at the very limit it must not tip it over."""
    digests = [hashlib.sha512(str(i).encode()).hexdigest() for i in range(400)]
    marks = {f"s{i}": {"release": Mark(d)} for i, d in enumerate(digests)}
    tried = 0
    for number in range(200, 240):
        for more in range(0, 128, 16):
            named = dict(list(marks.items())[:number])
            named[f"x{digests[-1][:more]}"] = {"release": ABSENT}
            receipt = replace(RECEIPT, services=named)
            try:
                room = body_room(receipt)
            except VoidReceiptError:
                continue
            tried += 1
            text = seal("x" * room, HEADER, receipt, SIGNER)
            assert len(text) <= LONGEST_COMMENT
    assert tried > 100
