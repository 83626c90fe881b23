"""What was merged since the last apply, and the receipts that count for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from karst.errors import StalePlanError
from karst.forges.publishing import (
    Comment,
    CommentHeader,
    MergedRequest,
    Publisher,
    PublishFailure,
)
from karst.report.sealed import open_sealed, unseal
from karst.terraform import Applied
from karst.terraform.receipt import Receipt, VoidReceiptError
from karst.terraform.receipt_signing import Verifier


@dataclass(frozen=True)
class ReviewedRequest:
    """A merged request with its newest receipt that counts.

    Attributes:
        voids: why others of its comments, or all, do not count.
    """

    request: MergedRequest
    receipt: Receipt | None
    voids: tuple[str, ...] = ()


def collect(
    publisher: Publisher,
    header: CommentHeader,
    verifier: Verifier,
    repository: str,
    *,
    applied: Applied,
    until: str,
) -> tuple[ReviewedRequest, ...]:
    """The requests that were merged since the last applied commit, with their receipts.

    Where something runs and nobody knows of which commit, that is the last request
    alone: an older receipt could lead back to what was replaced long ago. Raises
    PublishFailure.
    """
    found = _merged(publisher, applied.commit, until)
    if found is None:
        found = publisher.merged_requests(None, until)
        if applied.services:
            found = tuple(r for r in found if r.commit == until)
    return tuple(
        read_reviewed(
            request,
            publisher.own_comments(request.number),
            header,
            verifier,
            repository,
        )
        for request in found
    )


def _merged(
    publisher: Publisher, since: str, until: str
) -> tuple[MergedRequest, ...] | None:
    """None where `since` is no commit that the forge knows."""
    try:
        return publisher.merged_requests(since, until) if since else None
    except PublishFailure as failure:
        if failure.why == "behind":
            raise StalePlanError(
                f"commit {since[:12]} was applied already, and is newer than this one",
                where=f"commit {until[:12]}",
                remedy="nothing has to be done; to go back, revert it by a request",
            ) from None
        if failure.why == "missing":
            return None
        raise


def read_reviewed(
    request: MergedRequest,
    comments: Sequence[Comment],
    header: CommentHeader,
    verifier: Verifier,
    repository: str,
) -> ReviewedRequest:
    """Find the newest comment of this stack, target and label whose receipt counts.

    Args:
        comments: of the token's own user, the oldest first.
    """
    voids = []
    for comment in reversed(comments):
        sealed = open_sealed(comment.text)
        if sealed is None or sealed.header != header:
            continue
        try:
            receipt = unseal(sealed, verifier)
            _refuse_foreign(receipt, request, repository)
        except VoidReceiptError as void:
            voids.append(str(void))
        else:
            return ReviewedRequest(request, receipt, tuple(voids))
    return ReviewedRequest(request, None, tuple(voids) or ("there is no receipt",))


def _refuse_foreign(receipt: Receipt, request: MergedRequest, repository: str) -> None:
    if receipt.repository.lower() != repository.lower():
        raise VoidReceiptError("the receipt is another repository's")
    if receipt.request != request.number:
        raise VoidReceiptError(f"the receipt is request #{receipt.request}'s")
    if receipt.head != request.head:
        raise VoidReceiptError(
            f"the receipt is for commit {receipt.head[:12]}, and {request.head[:12]} was merged"
        )
