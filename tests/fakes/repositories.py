"""Git repositories for fake forges: made in a folder of the test, read by git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_WHEN = "2026-01-02T03:04:05+00:00"
_ENVIRON = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.test",
    "GIT_AUTHOR_DATE": _WHEN,
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.test",
    "GIT_COMMITTER_DATE": _WHEN,
}


@dataclass(frozen=True)
class CommitFacts:
    """One commit, as git tells it. Times are ISO 8601."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, str]
    committer: tuple[str, str, str]
    message: str


@dataclass(frozen=True)
class GitRepository:
    """A repository with a work tree in `folder`; its branch at birth is `main`."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> GitRepository:
        folder.mkdir(parents=True)
        repository = cls(folder)
        repository.git("init", "-q", "-b", "main")
        # A clone of one commit by its id, as forges allow it.
        repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
        repository.git("config", "uploadpack.allowFilter", "true")
        return repository

    @property
    def git_folder(self) -> Path:
        return self.folder / ".git"

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git here; returns what it printed, without the last line's end."""
        return self.git_bytes(*arguments, data=data).decode().rstrip("\n")

    def git_bytes(self, *arguments: str, data: bytes | None = None) -> bytes:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env=_ENVIRON,
            input=data,
            capture_output=True,
            check=True,
        )
        return done.stdout

    def commit(
        self, files: Mapping[str, str | bytes] | None = None, message: str = "Change"
    ) -> str:
        """Write files and commit them on the current branch; returns the commit."""
        for name, content in (files or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, start: str = "HEAD") -> None:
        self.git("branch", name, start)

    def switch(self, name: str, *, create: bool = False) -> None:
        self.git("switch", "-q", *(["-c"] if create else []), name)

    def tag(self, name: str, target: str = "HEAD", *, message: str = "") -> None:
        """A light tag, or an annotated one where there is a message."""
        self.git("tag", *(["-a", "-m", message] if message else []), name, target)

    def resolve(self, revision: str, kind: str = "commit") -> str | None:
        """The id that a revision has, or None."""
        try:
            return self.git(
                "rev-parse", "--verify", "--quiet", f"{revision}^{{{kind}}}"
            )
        except subprocess.CalledProcessError:
            return None

    def short_ids(self, prefix: str) -> tuple[str, ...]:
        """All commits whose id begins with `prefix`."""
        ids = self.git("rev-list", "--all").split()
        return tuple(i for i in ids if i.startswith(prefix))

    def refs(self, kind: str) -> dict[str, str]:
        """The ids of `heads` or `tags` by name, as they stand (tag objects too)."""
        listed = self.git("for-each-ref", "--format=%(refname) %(objectname)")
        start = f"refs/{kind}/"
        pairs = (line.split() for line in listed.splitlines())
        return {r.removeprefix(start): i for r, i in pairs if r.startswith(start)}

    @property
    def is_empty(self) -> bool:
        return not self.git("for-each-ref")

    def facts(self, commit: str) -> CommitFacts:
        return _facts(self, commit)

    def archive(self, commit: str, prefix: str) -> bytes:
        """A `.tar.gz` of the commit with everything below the folder `prefix`."""
        return self.git_bytes(
            "archive", "--format=tar.gz", f"--prefix={prefix}/", commit
        )

    def between(self, old: str, new: str) -> tuple[str, ...]:
        """The commits that `new` has and `old` has not, the oldest first."""
        return tuple(self.git("rev-list", "--reverse", f"{old}..{new}").split())


@cache
def _facts(repository: GitRepository, commit: str) -> CommitFacts:
    form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
    parts = repository.git("show", "-s", f"--format={form}", commit).split("\0")
    sha, tree, parents = parts[:3]
    author = (parts[3], parts[4], parts[5])
    committer = (parts[6], parts[7], parts[8])
    message = parts[9].strip()
    return CommitFacts(sha, tree, tuple(parents.split()), author, committer, message)
