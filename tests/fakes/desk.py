"""What people and bots do with requests at the fake: open, comment, edit, merge."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from tests.fakes.hosting import Hosting, User
from tests.fakes.repositories import GitRepository


@dataclass
class Request:
    """A pull or merge request.

    `merged_head` is its head for good once it is merged, `merged_by` how that was,
    `commits` those by which it came into the base.
    """

    number: int
    branch: str
    base: str
    author: User
    title: str = "Change"
    head_repository: str = ""
    association: str = "MEMBER"
    is_open: bool = True
    merge_commit: str = ""
    merged_head: str = ""
    merged_by: str = ""
    commits: tuple[str, ...] = ()

    def head(self, git: GitRepository) -> str:
        return self.merged_head or git.resolve(self.branch) or ""


@dataclass
class Comment:
    id: int
    number: int
    author: User
    body: str
    is_system: bool = False


@dataclass
class Issue:
    number: int
    author: User
    title: str
    body: str
    labels: tuple[str, ...] = ()
    state: str = "open"


@dataclass
class Shelf:
    """One repository's requests, issues and comments, and who may do what."""

    requests: dict[int, Request] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@dataclass
class Shelves:
    """By repository, lower case; `ids` number comments everywhere.

    Attributes:
        readers: logins whose tokens only read, as a fork's do.
        viewer_ids: whether GraphQL tells the user's number.
    """

    of: dict[str, Shelf] = field(default_factory=dict)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(11))
    readers: set[str] = field(default_factory=set)
    viewer_ids: bool = True

    def shelf(self, path: str) -> Shelf:
        return self.of.setdefault(path.lower(), Shelf())


@dataclass
class Desk:
    """What a test does with the requests of one repository, in git and at the forge."""

    forge: Hosting
    path: str

    @property
    def git(self) -> GitRepository:
        found = self.forge.find(self.path)
        assert found
        return found.git

    @property
    def shelf(self) -> Shelf:
        return self.forge.memory(Shelves).shelf(self.path)

    def open(
        self,
        branch: str,
        files: dict[str, str],
        *,
        author: User,
        fork: str = "",
        start: str = "main",
        base: str = "main",
    ) -> int:
        """Push a branch with a commit and open a request; returns its number."""
        self.git.branch(branch, start)
        self.push(branch, files)
        number = next(self.shelf.numbers)
        self.shelf.requests[number] = Request(
            number, branch, base, author, head_repository=fork
        )
        return number

    def push(self, branch: str, files: dict[str, str]) -> str:
        """Commit to a branch; returns the commit."""
        self.git.switch(branch)
        commit = self.git.commit(files, f"Change {branch}")
        self.git.switch("main")
        return commit

    def head(self, number: int) -> str:
        return self.shelf.requests[number].head(self.git)

    def merge(self, number: int, how: str = "merge") -> str:
        """Merge by "merge", "squash", "rebase" or "fast-forward"; returns the base's
        new commit."""
        request, git = self.shelf.requests[number], self.git
        request.merged_by = how
        request.merged_head = git.resolve(request.branch) or ""
        git.switch(request.base)
        before = git.resolve("HEAD") or ""
        if how == "rebase":
            git.git(
                "cherry-pick",
                f"{git.git('merge-base', before, request.branch)}..{request.branch}",
            )
        elif how == "fast-forward":
            git.git("rebase", "-q", request.base, request.branch)
            request.merged_head = git.resolve(request.branch) or ""
            git.switch(request.base)
            git.git("merge", "-q", "--ff-only", request.branch)
        elif how == "squash":
            git.git("merge", "-q", "--squash", request.branch)
            git.git(
                "commit", "-q", "--allow-empty", "-m", f"{request.title} (#{number})"
            )
        else:
            git.git("merge", "-q", "--no-ff", "-m", f"Merge #{number}", request.branch)
        after = git.resolve("HEAD") or ""
        request.commits = git.between(before, after)
        request.merge_commit, request.is_open = after, False
        if request.base != "main":
            git.switch("main")
        return after

    def comment(self, number: int, author: User, body: str) -> int:
        """Write a comment as somebody else; returns its id."""
        made = next(self.forge.memory(Shelves).ids)
        self.shelf.comments[made] = Comment(made, number, author, body)
        return made

    def comments(self, number: int) -> list[Comment]:
        return [c for c in self.shelf.comments.values() if c.number == number]
