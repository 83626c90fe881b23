"""One text among many of a request: found by its header, and kept the only one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from karst.forges.publishing import CommentMode, PublishFailure
from karst.report.sealed import LONGEST_COMMENT, CommentHeader, open_sealed

# What a forge's client gives for a comment.
Written = TypeVar("Written")


class Board(Protocol[Written]):
    """The own user's comments of one request, as a forge's client has them."""

    def own(self) -> Iterable[Written]:
        """The oldest first."""
        ...

    def text(self, comment: Written) -> str | None: ...

    def add(self, text: str) -> Written: ...

    def edit(self, comment: Written, text: str) -> bool:
        """Write over a comment; False where somebody removed it meanwhile."""
        ...

    def remove(self, comment: Written) -> None:
        """Nothing happens where it is gone already."""
        ...


def bears(text: str | None, header: CommentHeader) -> bool:
    """Whether a text begins with this header."""
    sealed = open_sealed(text or "")
    return sealed is not None and sealed.header == header


def write_one(
    board: Board[Written], header: CommentHeader, text: str, mode: CommentMode
) -> Written:
    """Write the one comment with this header, over its newest one for "update"."""
    ours = [comment for comment in board.own() if bears(board.text(comment), header)]
    kept = ours.pop() if ours and mode == "update" else None
    if kept is not None and board.text(kept) != text and not board.edit(kept, text):
        kept = None
    # The new one first: a failure in between leaves two, never none.
    written = board.add(text) if kept is None else kept
    for other in ours:
        board.remove(other)
    return written


def refuse_long(text: str, forge: str, repository: str) -> None:
    """Raise PublishFailure for what no forge should be sent.

    GitLab takes a million characters, GitHub 65,536: one length for both is one to keep.
    """
    if len(text) > LONGEST_COMMENT:
        raise PublishFailure(
            f"the text for {forge} has {len(text)} characters, and karst writes at most "
            f"{LONGEST_COMMENT}",
            why="refused",
            where=repository,
        )
