"""Repositories made on the spot, and a forge that knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from git_server import GitServer, run_git

from karst.errors import FetchError
from karst.fetch.remote import (
    ArchiveUnavailableError,
    CloneAccess,
    Comparison,
    RemoteCommit,
)
from karst.secret import Secret


@dataclass
class Repositories:
    """Repositories as `root/owner/name.git`, each with a work tree inside."""

    root: Path

    def make(self, name: str, files: dict[str, str | bytes]) -> str:
        """Make a repository with one commit; return the commit."""
        folder = self.folder(name)
        folder.mkdir(parents=True)
        run_git(folder, "init", "-q")
        run_git(folder, "config", "uploadpack.allowFilter", "true")
        return self.commit(name, files)

    def commit(self, name: str, files: dict[str, str | bytes]) -> str:
        folder = self.folder(name)
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str) and content.startswith("-> "):
                place.symlink_to(content[3:])
            else:
                raw = content.encode() if isinstance(content, str) else content
                place.write_bytes(raw)
                if raw.startswith(b"#!"):
                    place.chmod(0o755)
        run_git(folder, "add", "-A", "-f")
        run_git(folder, "commit", "-q", "--allow-empty", "-m", "a commit")
        return run_git(folder, "rev-parse", "HEAD")

    def add_submodule(self, name: str, path: str, url: str, commit: str) -> str:
        """Add a submodule by hand, whatever its URL; return the new commit."""
        folder = self.folder(name)
        with (folder / ".gitmodules").open("a") as file:
            file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
        run_git(folder, "add", ".gitmodules")
        entry = f"160000,{commit},{path}"
        run_git(folder, "update-index", "--add", "--cacheinfo", entry)
        run_git(folder, "commit", "-q", "-m", "a submodule")
        return run_git(folder, "rev-parse", "HEAD")

    def tree(self, name: str, commit: str = "HEAD", path: str = "") -> str:
        return run_git(self.folder(name), "rev-parse", f"{commit}:{path}")

    def folder(self, name: str) -> Path:
        return self.root / f"{name}.git"


@dataclass
class BookForge:
    """A forge by the book: archives by `git archive`, clones from the server.

    Attributes:
        knows_trees: whether it tells tree ids, as GitHub does.
        archives: whether it gives archives.
        calls: what was asked, in order.
    """

    repositories: Repositories
    server: GitServer
    name: str = "BookForge"
    knows_trees: bool = True
    archives: bool = True
    token: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        self.calls.append("find_commit")
        repository = self.renamed.get(repository, repository)
        folder = self.repositories.folder(repository)
        commit = run_git(folder, "rev-parse", f"{ref or 'HEAD'}^{{commit}}")
        tree = run_git(folder, "rev-parse", f"{commit}^{{tree}}")
        return RemoteCommit(
            repository, commit, tree if self.knows_trees else None, ref or "main"
        )

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        self.calls.append("download_archive")
        if not self.archives:
            raise ArchiveUnavailableError("too many archives", where=repository)
        prefix = f"{repository.replace('/', '-')}-{commit[:7]}/"
        run_git(
            self.repositories.folder(repository),
            "archive",
            "--format=tar.gz",
            f"--prefix={prefix}",
            f"--output={into}",
            commit,
        )
        if into.stat().st_size > limit:
            raise ArchiveUnavailableError("the archive is too large", where=repository)

    def clone_access(self, repository: str) -> CloneAccess:
        self.calls.append("clone_access")
        password = Secret(self.token) if self.token else None
        url = f"{self.server.url}/{repository}.git"
        return CloneAccess(url, "x-access-token", password)

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        raise FetchError(f"nothing compares {old} and {new} of {repository} here")


def names(root: Path) -> list[str]:
    """Files and links under `root`."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
