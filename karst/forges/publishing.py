"""What a forge must answer, so that plans can be reviewed there and applied after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from karst.errors import PublishError
from karst.report.sealed import CommentHeader

__all__ = [
    "Comment",
    "CommentHeader",
    "CommentMode",
    "MergedRequest",
    "Permission",
    "PublishFailure",
    "Publisher",
    "RequestFacts",
    "Why",
]

CommentMode = Literal["update", "recreate"]
Permission = Literal["admin", "write", "read", "none"]
# forbidden: the token may not; missing: no such thing, or none that the token sees;
# refused: the forge does not take what was sent (too long, closed for comments);
# unavailable: the forge is down, slow or out of patience; behind: a commit is older than
# the one that it should come after.
Why = Literal["forbidden", "missing", "refused", "unavailable", "behind"]


class PublishFailure(PublishError):
    """A forge did not do or tell something; `why` is for programs."""

    def __init__(
        self, what: str, *, why: Why, where: str = "", remedy: str = ""
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.why = why


@dataclass(frozen=True)
class Comment:
    """A comment that the token's own user wrote; anybody with write access may have
    edited it since."""

    id: int
    url: str
    text: str


@dataclass(frozen=True)
class MergedRequest:
    """A request that has become part of the branch.

    Attributes:
        head: the request's last commit, as it was merged.
        commit: the commit of the branch by which it came in.
        title: somebody's text.
    """

    number: int
    head: str
    commit: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True)
class RequestFacts:
    """A request as it is now.

    Attributes:
        head: its last commit.
        head_repository: where that is, "" where that repository is gone.
        base_ref: the branch that it is to be merged into; `base` is that one's commit.
        merge_commit: once merged, the commit by which it came in, else "".
        author: login; "" where the user is gone.
        association: of the author with the repository, in the forge's own word.
    """

    number: int
    head: str
    head_repository: str
    base_ref: str
    base: str
    is_fork: bool
    is_open: bool
    is_merged: bool
    merge_commit: str
    author: str
    association: str
    url: str


class Publisher(Protocol):
    """One repository's requests. Every method raises PublishFailure."""

    @property
    def name(self) -> str:
        """The forge's name for people."""
        ...

    def upsert_comment(
        self, request: int, header: CommentHeader, text: str, mode: CommentMode
    ) -> str:
        """Write the one comment with this header; returns its page's address.

        `text` is a sealed comment. "recreate" puts it at the end of the request anew.
        """
        ...

    def own_comments(self, request: int) -> tuple[Comment, ...]:
        """Every comment of the token's own user, the oldest first."""
        ...

    def merged_requests(
        self, since: str | None, until: str
    ) -> tuple[MergedRequest, ...]:
        """Requests that came into the branch after commit `since`, up to `until`.

        In the order in which they came in. `since` None: as many as one look at the
        history shows. Fails as "missing" where a commit is not known (any more), as
        "behind" where `since` comes after `until`.
        """
        ...

    def fork_point(self, base: str, commit: str) -> str:
        """The newest commit that branch (or commit) `base` and `commit` both have.

        Of a trial merge that is what the request was merged with; of a request's own
        commit, where it began: in both cases what the request itself changes is what
        differs from there.
        """
        ...

    def request(self, number: int) -> RequestFacts: ...

    def requests_of_head(self, commit: str) -> tuple[RequestFacts, ...]:
        """Open requests whose last commit this is, forks' among them."""
        ...

    def permission(self, user: str) -> Permission:
        """What `user` may do in the repository; "none" for nobody."""
        ...

    def read_file(self, path: str, ref: str) -> str | None:
        """The text of a file at a commit or branch, None where there is none.

        Fails as "missing" where the commit is not known.
        """
        ...

    def upsert_issue(self, header: CommentHeader, title: str, text: str) -> str:
        """Write the one issue with this header, and have it open; returns its address.

        `text` goes below the header, which is written here.
        """
        ...

    def close_issue(self, header: CommentHeader, text: str) -> str | None:
        """Close that issue with a last `text`; None where none is open."""
        ...
