"""RunContext: where karst runs, and on whose behalf."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RunKind = Literal["local", "github", "gitlab"]
# What made karst run: somebody's command, a commit that landed, a request (pull or
# merge) under review, a merge queue's trial, a timer, somebody's comment, or the end
# of another workflow.
EventKind = Literal[
    "manual", "push", "request", "queue", "schedule", "comment", "follow"
]


@dataclass(frozen=True)
class Comment:
    """A comment on a request or an issue, as the event tells of it.

    `author` is the login of who wrote it; `body` is hostile text.
    """

    id: int
    author: str
    body: str


@dataclass(frozen=True)
class FinishedRun:
    """Another workflow's run that ended, on whose behalf this one follows.

    Attributes:
        id: the run, whose artifacts are somebody else's work.
        event: what made that run go ("pull_request").
        well: whether it succeeded.
        head_commit: the full commit that it ran for; the forge's word, not the run's.
        head_repository: where that commit's branch is, `somebody/shop`.
        head_branch: its name there.
    """

    id: int
    event: str
    well: bool
    head_commit: str
    head_repository: str
    head_branch: str


@dataclass(frozen=True)
class RunContext:
    """Facts about one run; None is what nobody said.

    Attributes:
        kind: a person's machine, or the forge whose pipeline it is.
        workspace: absolute path of the calling repository's files; `file:` slugs
            and repos.yaml are looked for below it.
        event: what made it run.
        repository: the calling repository's path at its forge, `acme/shop`.
        commit: the full commit that is checked out there.
        branch: the branch that was pushed, or that a request would be merged into.
        default_branch: the repository's main branch.
        request: number of the pull or merge request.
        is_fork: whether a request comes from another repository.
        is_interactive: whether a person watches, and can be asked.
        head_commit: the last commit of the request itself; `commit` is its trial merge.
        base_commit: where the target branch stood when the event happened; of a push,
            where the branch stood before.
        actor: login of whoever caused the run.
        is_restricted: whether the run has a token that only reads, and no secrets: a
            fork's request, or one of the dependency bot's.
        is_ended: whether the request is closed, merged or not.
        comment: what was written, for event "comment".
        follows: the run that ended, for event "follow".
        run_url: the page of this run, "" where there is none.
        server_url, api_url: the forge's, without a slash at the end, or "".
    """

    kind: RunKind
    workspace: Path
    event: EventKind = "manual"
    repository: str | None = None
    commit: str | None = None
    branch: str | None = None
    default_branch: str | None = None
    request: int | None = None
    is_fork: bool = False
    is_interactive: bool = False
    head_commit: str | None = None
    base_commit: str | None = None
    actor: str | None = None
    is_restricted: bool = False
    is_ended: bool = False
    comment: Comment | None = None
    follows: FinishedRun | None = None
    run_url: str = ""
    server_url: str = ""
    api_url: str = ""

    @property
    def name(self) -> str:
        """The calling repository's or folder's name: a stack is called so by default."""
        if self.repository:
            return self.repository.rsplit("/", 1)[-1]
        return self.workspace.name or "stack"

    @property
    def reads_dotenv(self) -> bool:
        """Whether .env counts: in a pipeline it is whatever a request put there."""
        return self.kind == "local"

    @property
    def hears_comments(self) -> bool:
        """Whether a comment on a request can start a run here, and whether a job has a
        token of its own to sign with."""
        return self.kind == "github"

    @property
    def is_on_default_branch(self) -> bool:
        """Whether this is a commit of the main branch itself, not a request to it."""
        return (
            self.event in ("push", "schedule", "manual")
            and self.branch is not None
            and self.branch == self.default_branch
        )
