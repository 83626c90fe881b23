"""The submodules of a commit, and theirs, each fetched as a commit of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from karst.errors import FetchError
from karst.fetch.clone import Cloner
from karst.fetch.clone_submodules import Trust, read_gitmodules, resolve_url
from karst.fetch.remote import CloneAccess
from karst.fetch.remote_wanted import Step, Wanted
from karst.fetch.unpack import Unpacked
from karst.fetch.unpack_limits import refusal


class Fetching(Protocol):
    """What fetches one commit."""

    @property
    def cloner(self) -> Cloner: ...

    @property
    def where(self) -> str: ...

    def tell(self, step: Step) -> None: ...

    def obtain(self, wanted: Wanted, into: Path) -> Unpacked: ...


@dataclass
class Submodules:
    """Fills the submodules of one slug's commit.

    Attributes:
        top: that commit, whose token goes to its owner's repositories only.
        count: how many there were so far.
    """

    fetching: Fetching
    top: Wanted
    count: int = field(default=0, init=False)

    def fill(
        self, unpacked: Unpacked, wanted: Wanted, into: Path, depth: int = 1
    ) -> list[str]:
        """Fill the empty folders; return the paths of all files that came in so."""
        commits = {e.path: e.blob for e in unpacked.inside() if e.mode == "160000"}
        if not commits:
            return []
        urls = read_gitmodules(
            unpacked.gitmodules, self.fetching.cloner.processes, self.fetching.where
        )
        start = f"{unpacked.folder}/" if unpacked.folder else ""
        paths: list[str] = []
        for path, commit in commits.items():
            # Without a line in .gitmodules it is an empty folder for everybody.
            url = urls.get(start + path)
            if url is not None:
                self._weigh(depth)
                access = partial(self._access, url, wanted)
                inner = Wanted(commit, None, "", access)
                names = self._fill_one(inner, into / path, depth)
                paths += [f"{path}/{name}" for name in names]
        return paths

    def _weigh(self, depth: int) -> None:
        limits = self.fetching.cloner.limits
        self.count += 1
        if self.count > limits.submodules or depth > limits.submodule_depth:
            raise refusal(
                "the repository has too many submodules", where=self.fetching.where
            )

    def _access(self, url: str, parent: Wanted) -> CloneAccess:
        above = parent.access()
        resolved = resolve_url(url, above.url, where=self.fetching.where)
        if above.password is None:
            # What a stranger's repository names is fetched as a stranger would.
            return CloneAccess(resolved, "", None)
        return Trust.of(self.top.access(), self.top.repository).access_of(resolved)

    def _fill_one(self, wanted: Wanted, into: Path, depth: int) -> list[str]:
        self.fetching.tell("submodule")
        into.rmdir()
        try:
            unpacked = self.fetching.obtain(wanted, into)
        except FetchError as error:
            error.where = f"{error.where}, its submodule '{into.name}'"
            raise
        names = [e.path for e in unpacked.entries if e.mode != "160000"]
        return names + self.fill(unpacked, wanted, into, depth + 1)
