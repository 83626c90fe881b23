"""What a forge must answer, so that its repositories can be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from karst.errors import FetchError
from karst.secret import Secret


class ArchiveUnavailableError(FetchError):
    """The forge gives no archive of this commit now; a clone may still succeed."""


@dataclass(frozen=True)
class RemoteCommit:
    """What a ref means now.

    Attributes:
        repository: the path as the forge spells it; another one after a rename.
        commit: the full commit id.
        tree: the commit's git tree id (of the root), None where the forge tells none.
        ref: the branch, tag or commit that was asked for; where none was, HEAD or the
            default branch's name.
    """

    repository: str
    commit: str
    tree: str | None
    ref: str


@dataclass(frozen=True)
class CloneAccess:
    """How git reaches a repository; the password goes by askpass, never by URL."""

    url: str
    username: str
    password: Secret | None


@dataclass(frozen=True)
class Comparison:
    """From one commit to another: a page for people, and how many commits (or None).

    Attributes:
        ahead: commits that the new one has and the old one lacks.
        behind: commits that the old one has and the new one lacks, or 1 for some:
            then the old commit is not part of what the ref means now.
    """

    url: str
    ahead: int | None
    behind: int | None = None


class Forge(Protocol):
    """A forge's API, as far as fetching needs it. Every method raises FetchError."""

    @property
    def name(self) -> str:
        """Its name for people: "GitHub", or with the host where it is another one."""
        ...

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        """Resolve a branch, tag or (short) commit; None: the default branch."""
        ...

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        """Write the commit's `.tar.gz` to the new file `into`, at most `limit` bytes.

        Raises ArchiveUnavailableError where it is refused, limited or too large.
        """
        ...

    def clone_access(self, repository: str) -> CloneAccess:
        """Where and as whom git may clone it."""
        ...

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        """The way from commit `old` to commit `new`."""
        ...
