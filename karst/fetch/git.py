"""What git knows of a local folder: its own files, its commits, a commit's files.

The repository's own configuration is not trusted: hooks, filters and file monitors
that it names are programs. Listing switches them off; a commit's files are written
by a repository of karst's own that only borrows the objects.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from karst.command import Command, Outcome
from karst.effects.process import Processes
from karst.effects.workspace import temporary_directory
from karst.errors import FetchError, ToolMissingError

_GUARDED = (
    "git",
    "-c",
    "safe.directory=*",
    "-c",
    "safe.bareRepository=explicit",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)
_OWN = ("git", "-c", "core.bare=false", "-c", "core.hooksPath=/dev/null")
# Nothing of the user's or the machine's settings changes what a tree is.
NEUTRAL = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Git:
    """Git commands in one folder.

    Attributes:
        folder: inside of a work tree, or a bare repository.
        prefix: the folder's place inside of the repository, "" or with a slash at
            its end.
        git_dir: the repository's own folder.
    """

    processes: Processes
    folder: Path
    prefix: str
    git_dir: Path

    def ask(self, *words: str) -> str | None:
        """Return what git prints, or None where it fails.

        Raises FetchError where it was ended from outside, which is no answer.
        """
        outcome = _run(
            self.processes,
            Command(
                (*_GUARDED, f"--git-dir={self.git_dir}", *words), self.folder, NEUTRAL
            ),
            str(self.folder),
        )
        return outcome.stdout if outcome.ok else None


def _run(processes: Processes, command: Command, where: str) -> Outcome:
    outcome = processes.run(command)
    if outcome.code < 0:
        raise FetchError(
            "git was ended before it answered",
            where=where,
            remedy="run it again",
            detail=outcome.stderr,
        )
    return outcome


def find_repository(
    folder: Path, processes: Processes, *, bare: bool = True
) -> Git | None:
    """Return git's view of `folder`; None where it is in no repository.

    Args:
        bare: whether the folder may be a bare repository, which anybody can commit
            as files of his own; a `.git` nobody can.
    """
    is_bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    if bare and is_bare and not (folder / ".git").exists():
        return Git(processes, folder, "", folder)
    words = (*_GUARDED, "rev-parse", "--absolute-git-dir", "--show-prefix")
    outcome = _run(processes, Command(words, folder, NEUTRAL), str(folder))
    if not outcome.ok:
        return None
    git_dir, _, prefix = outcome.stdout.partition("\n")
    return Git(processes, folder, prefix.removesuffix("\n"), Path(git_dir))


def borrows(git: Git, within: Path) -> bool:
    """Say whether any of the repository's objects may lie outside of `within`.

    A bare repository can be committed as files, and name anybody's objects: as its
    common folder, as an alternate, or by links.
    """
    places = [git.ask("rev-parse", "--git-common-dir")]
    places.append(git.ask("rev-parse", "--git-path", "objects"))
    real = [(git.folder / (p or "/").rstrip("\n")).resolve() for p in places]
    if not all(place.is_relative_to(within.resolve()) for place in real):
        return True
    objects = real[-1]
    return (objects / "info" / "alternates").exists() or any(
        Path(folder, name).is_symlink()
        for folder, folders, files in os.walk(objects)
        for name in (*folders, *files)
    )


def is_committed(folder: Path, name: str, processes: Processes) -> bool:
    """Say whether the repository around `folder`, if any, has `name` or files below it."""
    words = (*_GUARDED, "-C", str(folder), "ls-files", "-z", "--", f":(icase){name}")
    try:
        listed = _run(processes, Command(words, env=NEUTRAL), str(folder))
    except ToolMissingError:
        return False
    return bool(listed.stdout)


def list_own_files(folder: Path, processes: Processes) -> tuple[str, ...] | None:
    """List what git would commit of `folder`: tracked, or new and not ignored.

    Paths are relative to `folder`; tracked files that are gone may be among them. A
    repository inside of the folder (a submodule, too) is the single path of its
    folder, with a slash at its end where git does not track it. None where the
    folder is in no work tree, or is itself ignored there.
    """
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return None
    inside = (*_GUARDED, "-C", str(folder))
    asked = Command((*inside, "check-ignore", "-q", "."), env=NEUTRAL)
    ignored = _run(processes, asked, str(folder))
    if ignored.code == 0:
        return None
    asked = Command(
        (*inside, "ls-files", "-co", "-z", "--exclude-standard"), env=NEUTRAL
    )
    listed = _run(processes, asked, str(folder))
    if not listed.ok:
        raise FetchError(
            "git can't list the folder's files",
            where=str(folder),
            remedy="check the repository with `git status`",
            detail=listed.stderr,
        )
    # A file in a merge conflict is listed once for each side.
    return tuple(dict.fromkeys(path for path in listed.stdout.split("\0") if path))


def resolve_commit(git: Git, ref: str, *, where: str) -> str:
    """Return the full commit id of a branch, tag or commit; raises FetchError."""
    for name in (ref, f"refs/remotes/origin/{ref}"):
        found = git.ask("rev-parse", "--verify", "--end-of-options", name + "^{commit}")
        if found:
            return found.strip()
    known = git.ask(
        "for-each-ref",
        "--count=10",
        "--sort=refname",
        "--sort=-creatordate",
        "--format=%(refname:short)",
        "refs/heads",
        "refs/tags",
    )
    names = ", ".join((known or "").split())
    raise FetchError(
        f"there is no branch, tag or commit '{ref}'",
        where=where,
        remedy=f"it has: {names}" if names else "it has no branch and no tag yet",
    )


def resolve_tree(git: Git, commit: str, path: str, *, where: str) -> str:
    """Return the tree id of folder `path` ("" for the root) in `commit`."""
    whole = (git.prefix + path).strip("/")
    found = git.ask("rev-parse", "--verify", "--end-of-options", f"{commit}:{whole}")
    kind = git.ask("cat-file", "-t", found.strip()) if found else None
    if not found or (kind or "").strip() != "tree":
        raise FetchError(
            f"there is no folder '{whole}' in commit {commit[:12]}",
            where=where,
            remedy="correct the slug's path or 'path:', or name another ref",
        )
    return found.strip()


def write_tree(git: Git, tree: str, into: Path, *, where: str) -> tuple[str, ...]:
    """Write the files of `tree` into the new folder `into`; return their paths.

    Content is the commit's, byte by byte: no line ends, filters or keywords are
    changed. Raises FetchError for submodules and for objects that are not there.
    """
    listed = git.ask("ls-tree", "-r", "-z", "--full-tree", tree)
    rows = [row.partition("\t") for row in (listed or "").split("\0") if row]
    for head, _, path in rows:
        if head.startswith("160000"):
            raise FetchError(
                f"'{path}' is a submodule, which karst does not fetch",
                where=where,
                remedy="give the submodule a service of its own, or keep its files in the repository",
            )
    objects = git.ask("rev-parse", "--git-path", "objects")
    if listed is None or objects is None:
        raise FetchError("the commit's files can't be read", where=where)
    into.mkdir(parents=True)
    with temporary_directory("karst-git-") as own:
        run = _Borrowing(git.processes, own, git.folder / objects.rstrip("\n"), into)
        run("init", "--quiet", "--bare", where=where)
        (own / "info").mkdir(exist_ok=True)
        (own / "info" / "attributes").write_text(
            "* -text -filter -ident -working-tree-encoding -eol\n"
        )
        run("read-tree", tree, where=where)
        run("checkout-index", "--all", "--force", where=where)
    return tuple(path for _, _, path in rows)


@dataclass(frozen=True)
class _Borrowing:
    """A bare repository of karst's own over somebody else's objects."""

    processes: Processes
    git_dir: Path
    objects: Path
    work_tree: Path

    def __call__(self, *words: str, where: str) -> None:
        place = [f"--git-dir={self.git_dir}"]
        if words[0] != "init":
            place.append(f"--work-tree={self.work_tree}")
        # Quoted, because a bare colon parts one folder from the next.
        escaped = str(self.objects).replace("\\", "\\\\").replace('"', '\\"')
        quoted = f'"{escaped}"'
        outcome = _run(
            self.processes,
            Command(
                (*_OWN, *place, *words),
                cwd=self.work_tree,
                env={**NEUTRAL, "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted},
            ),
            where,
        )
        if not outcome.ok:
            raise FetchError(
                "git can't write the commit's files",
                where=where,
                remedy="if the clone is shallow or partial, fetch the whole commit first",
                detail=outcome.stderr,
            )
