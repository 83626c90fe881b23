"""A shallow clone of exactly one commit, and an archive of it as the commit has it."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from karst.command import Outcome
from karst.effects.process import Processes
from karst.effects.workspace import private_directory
from karst.errors import FetchError, ToolMissingError
from karst.fetch.cache_notes import Notes
from karst.fetch.clone_errors import explain
from karst.fetch.clone_git import RemoteGit
from karst.fetch.deadline import Deadline
from karst.fetch.git import Git
from karst.fetch.pointer import Pointer, copy_content
from karst.fetch.remote import CloneAccess
from karst.fetch.revision import RevisionGoneError
from karst.fetch.unpack_limits import Limits, refusal
from karst.fetch.unpack_names import Names

# The server may speak only of commits that a ref names, or know no shallow clones.
_OTHER_WAY = re.compile(
    r"unadvertised object|not our ref|shallow|dumb http|no such remote ref"
    r"|couldn't find remote ref|expected shallow",
    re.IGNORECASE,
)
# Nothing that the repository's own .gitattributes says changes what comes out.
_ATTRIBUTES = "* -export-ignore -export-subst -text -ident -working-tree-encoding\n"
# In the order in which the forges' APIs are asked.
_BUNDLES = ("KARST_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_KEPT = "refs/karst/commit"
_WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class Cloner:
    """What every clone of a run needs.

    Attributes:
        ca_bundle: the setting's; without it the usual variables are looked at.
    """

    processes: Processes
    deadline: Deadline = field(default_factory=Deadline)
    limits: Limits = field(default_factory=Limits)
    ca_bundle: Path | None = None

    @property
    def bundle(self) -> Path | None:
        """The file of CAs to trust: git itself reads none of these variables."""
        environ = self.processes.environ
        named = [environ[name] for name in _BUNDLES if environ.get(name)]
        places = [self.ca_bundle] if self.ca_bundle else []
        places += [Path(name) for name in named]
        return next((place for place in places if place.is_file()), None)

    def clone(
        self,
        access: CloneAccess,
        commit: str,
        folder: Path,
        *,
        where: str,
        ref: str | None = None,
    ) -> Clone:
        """Fetch `commit` alone into a bare repository in the new folder `folder`.

        Where the server gives no commit by its id, `ref` (a branch or tag, None for
        the default branch) is fetched, and then everything. Raises FetchError.
        """
        private_directory(folder)
        home = private_directory(folder / "home")
        git_dir = folder / "git"
        remote = RemoteGit(access, git_dir, home, self.bundle)
        made = _Run(self, remote, where)
        made("init", "--quiet", "--bare", "--template=", str(git_dir))
        (git_dir / "info").mkdir(exist_ok=True)
        (git_dir / "info" / "attributes").write_text(_ATTRIBUTES)
        clone = Clone(made, Git(self.processes, git_dir, "", git_dir), commit, where)
        for wanted in _ways(commit, ref):
            depth = ["--depth=1"]
            if len(wanted) > 1:
                shallow = (git_dir / "shallow").exists()
                depth = ["--unshallow"] if shallow else []
            words = ["fetch", "--quiet", "--no-tags", *depth, access.url.rstrip("/")]
            outcome = made.attempt(*words, *wanted)
            if outcome.ok and clone.has_commit():
                return clone
            if not outcome.ok and not _OTHER_WAY.search(outcome.stderr):
                raise explain(outcome, access, where)
        raise RevisionGoneError(
            f"the repository has no commit {commit[:12]} any more",
            where=where,
            remedy="name another ref, or pin it anew; a rewritten branch loses its old commits",
        )


def _ways(commit: str, ref: str | None) -> Iterator[tuple[str, ...]]:
    """Yield refspecs to try: the commit, its ref's newest commit, everything."""
    yield (f"+{commit}:{_KEPT}",)
    for name in [f"refs/heads/{ref}", f"refs/tags/{ref}"] if ref else ["HEAD"]:
        yield (f"+{name}:{_KEPT}",)
    yield "+refs/heads/*:refs/karst/heads/*", "+refs/tags/*:refs/karst/tags/*"


@dataclass(frozen=True)
class Clone:
    """One commit in a bare repository of karst's own."""

    run: _Run
    git: Git
    commit: str
    where: str

    def has_commit(self) -> bool:
        return self.git.ask("cat-file", "-e", self.commit + "^{commit}") is not None

    @property
    def tree(self) -> str:
        """The commit's git tree id."""
        found = self.git.ask("rev-parse", "--verify", self.commit + "^{tree}")
        if found is None:
            raise FetchError("the commit can't be read", where=self.where)
        return found.strip()

    def export(self, into: Path) -> Notes:
        """Write the commit's files to the new `.tar.gz` file `into`.

        Every file is in it, byte by byte as the commit has it; submodules are empty
        folders. Raises FetchError where that is more than the limits allow.
        """
        submodules = self._check_contents()
        self.run(
            "archive",
            "--format=tar.gz",
            "-1",
            "--prefix=commit/",
            f"--output={into}",
            self.commit,
        )
        text = self.git.ask("cat-file", "commit", self.commit) or ""
        return Notes(text, submodules)

    def _check_contents(self) -> dict[str, str]:
        """Hold what is there against the limits; return commit by submodule's path."""
        listed = self.git.ask("ls-tree", "-r", "-l", "-z", "--full-tree", self.commit)
        if listed is None:
            raise FetchError("the commit's files can't be read", where=self.where)
        names = Names(self.run.cloner.limits, self.where)
        submodules = {}
        for row in filter(None, listed.split("\0")):
            head, _, path = row.partition("\t")
            mode, _, identity, size = head.split()
            if mode == "160000":
                submodules[path] = identity
                names.weigh(path, 0)
            else:
                names.weigh(path, int(size))
        return submodules

    def fetch_contents(
        self, pointers: frozenset[Pointer], folder: Path
    ) -> dict[Pointer, Path]:
        """Fetch what LFS pointers of the commit stand for; files by pointer."""
        total = sum(pointer.size for pointer in pointers)
        if total > self.run.cloner.limits.size:
            raise refusal(
                f"the LFS files are more than {self.run.cloner.limits.size >> 20} MiB",
                where=self.where,
            )
        try:
            self.run.cloner.processes.find_program("git-lfs")
        except ToolMissingError as error:
            raise FetchError(
                f"{len(pointers)} files are Git LFS pointers, and git-lfs is not there",
                where=self.where,
                remedy="install git-lfs (Debian and Ubuntu: apt-get install git-lfs)",
            ) from error
        outcome = self.run.attempt("lfs", "fetch", "origin", self.commit)
        private_directory(folder)
        found = {}
        for pointer in pointers:
            oid = pointer.oid
            kept = self.git.git_dir / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
            place = folder / oid
            with contextlib.suppress(OSError), kept.open("rb") as file:
                if copy_content(pointer, file, place):
                    found[pointer] = place
        lacking = len(pointers) - len(found)
        if lacking and outcome.code < 0:
            raise explain(outcome, self.run.remote.access, self.where)
        if lacking:
            raise FetchError(
                f"the server does not give {lacking} of {len(pointers)} LFS files",
                where=self.where,
                remedy="check that they were pushed (`git lfs push --all`), and that the token may read them",
                detail=outcome.stderr,
            )
        return found


@dataclass(frozen=True)
class _Run:
    """Runs git commands of one clone within the run's time and limits."""

    cloner: Cloner
    remote: RemoteGit
    where: str

    def __call__(self, *words: str) -> Outcome:
        outcome = self.attempt(*words)
        if outcome.code < 0:
            raise explain(outcome, self.remote.access, self.where)
        if not outcome.ok:
            raise FetchError(
                f"git {words[0]} failed", where=self.where, detail=outcome.stderr
            )
        return outcome

    def attempt(self, *words: str) -> Outcome:
        """Run it; raises FetchError only where time or room has run out."""
        cloner = self.cloner
        seconds = cloner.deadline.check(self.where)
        halt = threading.Event()
        with _watching(self.remote.git_dir, cloner, halt) as seen:
            outcome = cloner.processes.run(
                self.remote.command(*words, seconds=seconds), cancel=halt
            )
        told = seen.too_much or _too_much_in(self.remote.git_dir, cloner.limits)
        if told:
            raise refusal(told, where=self.where)
        if not outcome.ok and not cloner.deadline.remaining():
            raise cloner.deadline.error(self.where)
        return outcome


@dataclass
class _Seen:
    too_much: str = ""


@contextlib.contextmanager
def _watching(git_dir: Path, cloner: Cloner, halt: threading.Event) -> Iterator[_Seen]:
    """Set `halt` when the clone grows beyond its limit, or all fetching is to stop."""
    seen, done = _Seen(), threading.Event()

    def watch() -> None:
        while not done.wait(_WATCH_SECONDS):
            seen.too_much = _too_much_in(git_dir, cloner.limits)
            if seen.too_much or cloner.deadline.stop.is_set():
                halt.set()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _too_much_in(git_dir: Path, limits: Limits) -> str:
    """What is there in excess, as a sentence; a server may send without end."""
    if _bytes_in([str(git_dir / "objects" / "pack")]) > limits.archive:
        return f"the repository is more than {limits.archive >> 20} MiB to clone"
    if _bytes_in(place for place, _, _ in os.walk(git_dir / "lfs")) > limits.size:
        return f"the LFS files are more than {limits.size >> 20} MiB"
    return ""


def _bytes_in(folders: Iterable[str]) -> int:
    # By file, not by name: what is given its name just now may be met under two.
    sizes: dict[int, int] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    sizes[found.st_ino] = found.st_size
    return sum(sizes.values())
