"""What is wanted of a forge's repository, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from karst.fetch.remote import CloneAccess

Step = Literal["cache", "archive", "clone", "submodule", "lfs"]


@dataclass(frozen=True)
class Wanted:
    """A commit to put somewhere.

    Attributes:
        tree: its tree id; None where only the commit itself can tell.
        folder: which folder of it, "" for all.
        access: gives how git reaches it; asked only where that is needed.
        ref: a branch or tag that may lead to it; None for the default branch.
        repository: its path at the forge; "" where the forge is not asked.
    """

    commit: str
    tree: str | None
    folder: str
    access: Callable[[], CloneAccess]
    ref: str | None = None
    repository: str = ""


@dataclass(frozen=True)
class Found:
    """What was put there: the folder's tree id, and the whole commit's."""

    tree: str
    root_tree: str
