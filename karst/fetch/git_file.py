"""One file of a commit, out of a clone that is at hand."""

from __future__ import annotations

from pathlib import Path

from karst.effects.process import Processes
from karst.errors import ConfigError, FetchError, ToolMissingError
from karst.fetch.git import find_repository

# A clone can be told to show other objects under an id.
_TRUE = "--no-replace-objects"


def read_committed(
    folder: Path, commit: str, path: str, processes: Processes
) -> str | None:
    """Return a file's text, None where the commit has no such file.

    Args:
        folder: of a clone; `path` is seen from there.
        commit: a full id. Git takes an object's file for what its name says, so only
            what git itself fetched is asked: never files that look like a repository.

    Raises FetchError where the clone lacks the commit or the file's content; nothing
    is fetched.
    """
    try:
        git = find_repository(folder, processes, bare=False)
    except (ToolMissingError, ConfigError):  # no git here, or no folder
        git = None
    known = git and git.ask(_TRUE, "cat-file", "-e", f"{commit}^{{commit}}")
    if git is None or known is None:
        raise FetchError(
            f"commit {commit[:12]} is not in the clone",
            where=str(folder),
            remedy="let the job clone the whole history (GitLab: `GIT_DEPTH: 0`)",
        )
    whole = git.prefix + path
    listed = git.ask(_TRUE, "ls-tree", "-z", "--full-tree", commit, "--", whole)
    if listed == "" or (listed and listed.split()[1] != "blob"):
        return None
    # A clone may lack what its trees name: that is not a file that is not there.
    text = git.ask(_TRUE, "cat-file", "blob", listed.split()[2]) if listed else None
    if text is None:
        raise FetchError(
            f"'{path}' of commit {commit[:12]} can't be read", where=str(folder)
        )
    return text
