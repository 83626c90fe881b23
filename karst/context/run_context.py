"""RunContext: where karst runs, and on whose behalf."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RunKind = Literal["local", "github", "gitlab"]
# What made karst run: somebody's command, a commit that landed, a request (pull or
# merge) under review, a merge queue's trial, or a timer.
EventKind = Literal["manual", "push", "request", "queue", "schedule"]


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
    def is_on_default_branch(self) -> bool:
        """Whether this is a commit of the main branch itself, not a request to it."""
        return (
            self.event in ("push", "schedule", "manual")
            and self.branch is not None
            and self.branch == self.default_branch
        )
