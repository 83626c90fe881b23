"""The sticky comment as text: a hidden header, what people read, a hidden receipt.

    <!-- karst:comment {"label":"","stack":"shop","target":""} -->
    ... what people read ...

    <!-- karst:receipt hmac-sha256 9f.. 3c.. eNq.. -->

Only the first line can be the header and only the last the receipt, so whatever stands
between them is text. The receipt holds the digest of that text: an edited comment
shows, and its receipt is void.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace

from karst.terraform.receipt import Receipt, VoidReceiptError
from karst.terraform.receipt_signing import (
    Signer,
    Verifier,
    read_signed,
    write_signed,
)
from karst.terraform.receipt_text import decode, encode

# GitHub's; a comment that is longer is answered by 422.
LONGEST_COMMENT = 65_536
# What stays free beside the body and the receipt's payload: header, signature (a token
# has about 1,500 characters), and what we do not know.
MARGIN = 4_000

_HEADER = re.compile(r"<!-- karst:comment (\{[^\n]+\}) -->")
_RECEIPT = re.compile(r"<!-- karst:receipt ([^\n]+) -->")
_NO_RECEIPT = "none"
# Forges drop or replace these, and then the digest would not fit any more.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class CommentHeader:
    """Which comment it is; two of one request never have the same."""

    stack: str
    target: str = ""
    label: str = ""


@dataclass(frozen=True)
class Sealed:
    """A comment taken apart; nothing of it is believed yet.

    Attributes:
        body: what people read, as its digest is taken.
        signed: the receipt with its signature, or "".
    """

    header: CommentHeader
    body: str
    signed: str = ""


def body_room(receipt: Receipt | None) -> int:
    """Characters that people's part of a comment with this receipt may have.

    Raises VoidReceiptError where the receipt itself is too long.
    """
    if receipt is None:
        return LONGEST_COMMENT - MARGIN
    # The body's digest, which is not known yet, can't be compressed.
    measured = replace(receipt, body=body_digest(receipt.head))
    return LONGEST_COMMENT - MARGIN - len(encode(measured))


def seal(
    body: str,
    header: CommentHeader,
    receipt: Receipt | None = None,
    signer: Signer | None = None,
) -> str:
    """The whole comment; without receipt or signer it says that it has no receipt.

    Raises VoidReceiptError where the receipt is too long, PublishError where the signer
    is refused.
    """
    text = _canonical(body)
    signed = _NO_RECEIPT
    if receipt and signer:
        payload = encode(replace(receipt, body=body_digest(text)))
        signed = write_signed(payload, signer.sign(payload))
    return f"{render_header(header)}\n{text}\n\n<!-- karst:receipt {signed} -->"


def render_header(header: CommentHeader) -> str:
    """The hidden first line. No value can end it, whatever characters it has."""
    text = json.dumps(asdict(header), sort_keys=True, separators=(",", ":"))
    for sign in "-<>":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f"<!-- karst:comment {text} -->"


def open_sealed(text: str) -> Sealed | None:
    """Take a comment apart; None where its first line is no header of ours."""
    lines = _newlines(text).rstrip().split("\n")
    header = _parse_header(lines[0])
    if header is None:
        return None
    last = _RECEIPT.fullmatch(lines[-1]) if len(lines) > 1 else None
    inner = lines[1:-1] if last else lines[1:]
    signed = last[1] if last and last[1] != _NO_RECEIPT else ""
    return Sealed(header, _canonical("\n".join(inner)), signed)


def unseal(sealed: Sealed, verifier: Verifier) -> Receipt:
    """The comment's receipt, believed; raises VoidReceiptError that says why not."""
    if not sealed.signed:
        raise VoidReceiptError("the comment has no receipt")
    payload, signature = read_signed(sealed.signed)
    receipt = decode(payload)
    verifier.verify(payload, signature, receipt)
    if receipt.body != body_digest(sealed.body):
        raise VoidReceiptError("the comment was edited")
    if (receipt.stack, receipt.target, receipt.label) != (
        sealed.header.stack,
        sealed.header.target,
        sealed.header.label,
    ):
        raise VoidReceiptError("the receipt belongs to another stack's comment")
    return receipt


def claimed_head(sealed: Sealed) -> str:
    """The commit that a receipt says it is for, not believed; "" without a receipt."""
    try:
        return decode(read_signed(sealed.signed)[0]).head if sealed.signed else ""
    except VoidReceiptError:
        return ""


def body_digest(body: str) -> str:
    """SHA-256 in hex of what people read, however its lines end."""
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _parse_header(line: str) -> CommentHeader | None:
    found = _HEADER.fullmatch(line)
    if not found:
        return None
    try:
        document = json.loads(found[1])
        header = CommentHeader(**document)
    except (ValueError, TypeError, RecursionError):
        return None
    values = (header.stack, header.target, header.label)
    # Only as we write it: one header, one spelling.
    known = all(isinstance(v, str) for v in values) and render_header(header) == line
    return header if known else None


def _canonical(body: str) -> str:
    text = _CONTROLS.sub("", _newlines(body))
    return text.encode("utf-8", "replace").decode().strip("\n")


def _newlines(text: str) -> str:
    # Whoever edits a comment in a browser gives all its lines another end.
    return text.replace("\r\n", "\n").replace("\r", "\n")
