"""Clones of one commit: whatever the server is like, and nothing of the user's in it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from book_forge import BookForge, Repositories, names
from git_server import GitServer, run_git, serving

from karst.config.slug import parse_slug
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.clone import Cloner
from karst.fetch.clone_git import RemoteGit, check_url
from karst.fetch.deadline import Deadline
from karst.fetch.remote import CloneAccess
from karst.fetch.remote_source import RemoteSource
from karst.fetch.unpack_limits import Limits
from karst.secret import Secret

pytestmark = pytest.mark.processes
TOKEN = "s3cret-t0ken-value"
SLUG = parse_slug("gh:o/r")


@pytest.fixture
def cloning(forge: BookForge, source: RemoteSource) -> RemoteSource:
    """A source that has to clone."""
    forge.archives = False
    return source


def take(source: RemoteSource, into: Path, slug: str = "gh:o/r") -> Path:
    return source.fetch(source.resolve(parse_slug(slug)), into).root


def refuse(source: RemoteSource, into: Path, slug: str = "gh:o/r") -> FetchError:
    with pytest.raises(FetchError) as caught:
        take(source, into, slug)
    assert not into.exists()
    assert TOKEN not in str(caught.value)
    return caught.value


# --- what servers are like ------------------------------------------------------------


def test_one_commit_is_fetched_and_no_history(
    repositories: Repositories, cloning: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    old = repositories.make("o/r", {"old.bin": os.urandom(200_000)})
    run_git(repositories.folder("o/r"), "rm", "-q", "old.bin")
    repositories.commit("o/r", {"main.py": "x"})
    processes, access = cloning.processes, cloning.forge.clone_access("o/r")
    newest = run_git(repositories.folder("o/r"), "rev-parse", "HEAD")
    clone = Cloner(processes).clone(access, newest, tmp_path / "clone", where="x")
    assert clone.git.ask("rev-list", "--all") == newest + "\n"
    assert clone.git.ask("cat-file", "-e", old) is None
    # All of it in a pack, whose growth is watched.
    assert (clone.git.ask("count-objects") or "").startswith("0 objects")
    assert len([1 for method, _, _ in server.seen if method == "POST"]) == 1


@pytest.mark.parametrize("ref", ["main", "v1", "v2", None])
def test_a_server_that_gives_only_refs_is_asked_for_the_ref(
    repositories: Repositories,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
    ref: str | None,
) -> None:
    server.old = True
    repositories.make("o/r", {"main.py": "older"})
    commit = repositories.commit("o/r", {"main.py": "x"})
    folder = repositories.folder("o/r")
    run_git(folder, "tag", "v1")
    run_git(folder, "tag", "-a", "-m", "annotated", "v2")
    if ref in ("v1", "v2"):
        repositories.commit("o/r", {"main.py": "newer"})
    access = cloning.forge.clone_access("o/r")
    clone = Cloner(cloning.processes).clone(
        access, commit, tmp_path / "clone", where="x", ref=ref
    )
    # And its history was left where it is.
    assert clone.git.ask("rev-list", commit) == commit + "\n"


def test_a_commit_that_is_too_much_is_not_even_exported(
    repositories: Repositories, cloning: RemoteSource, tmp_path: Path
) -> None:
    commit = repositories.make("o/r", {"big.txt": "x" * 5000})
    cloner = Cloner(cloning.processes, limits=Limits(size=4000))
    access = cloning.forge.clone_access("o/r")
    clone = cloner.clone(access, commit, tmp_path / "clone", where="x")
    with pytest.raises(FetchError, match="files are more than 0 MiB"):
        clone.export(tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("dumb", [False, True])
def test_an_old_commit_is_dug_out_where_the_server_gives_no_commits_by_id(
    repositories: Repositories,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
    dumb: bool,
) -> None:
    server.old, server.dumb = not dumb, dumb
    old = repositories.make("o/r", {"main.py": "old"})
    repositories.commit("o/r", {"main.py": "new"})
    if dumb:
        plain = repositories.root / "plain"
        run_git(repositories.root, "clone", "-q", "--bare", "o/r.git", str(plain))
        run_git(plain, "update-server-info")
        repositories.folder("o/r").rename(repositories.root / "was")
        plain.rename(repositories.root / "o/r.git")
    access = cloning.forge.clone_access("o/r")
    clone = Cloner(cloning.processes).clone(access, old, tmp_path / "clone", where="x")
    assert clone.git.ask("show", f"{old}:main.py") == "old"


@pytest.mark.parametrize("old", [False, True])
def test_a_commit_that_is_gone_is_a_sentence(
    repositories: Repositories,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
    old: bool,
) -> None:
    server.old = old
    repositories.make("o/r", {"main.py": "x"})
    access = cloning.forge.clone_access("o/r")
    with pytest.raises(FetchError, match="the repository has no commit cccccccccccc"):
        Cloner(cloning.processes).clone(access, "c" * 40, tmp_path / "c", where="x")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "git may not read http://127"),
        (403, "git may not read http://127"),
        (404, "there is no repository at http://127"),
        (500, "git can't clone http://127"),
        (503, "git can't clone http://127"),
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_refusal_is_a_sentence(
    repositories: Repositories,
    forge: BookForge,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
    status: int,
    sentence: str,
    token: str | None,
) -> None:
    server.status, forge.token = status, token
    repositories.make("o/r", {"main.py": "x"})
    error = refuse(cloning, tmp_path / "into")
    assert sentence in error.what
    assert error.where == "gh:o/r"
    assert error.remedy
    if status in (401, 403, 404):
        assert ("token" in error.what) == bool(token)


def test_a_host_that_is_not_there_is_a_sentence(
    repositories: Repositories, cloning: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    server.url = "http://127.0.0.1:9"
    assert "git can't reach http://127.0.0.1:9" in refuse(cloning, tmp_path / "x").what


def test_a_small_pack_of_a_huge_file_takes_no_memory(
    repositories: Repositories,
    cloning: RemoteSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repositories.make("o/r", {"zeros.bin": bytes(20 << 20)})
    take(cloning, tmp_path / "control")
    shutil.rmtree(cloning.cache.folder)
    monkeypatch.setattr("karst.fetch.clone_git.MOST_MEMORY", "8m")
    error = refuse(cloning, tmp_path / "into")
    assert "takes git more memory than it gets" in error.what


def test_a_server_that_hangs_is_given_up(
    repositories: Repositories, cloning: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    revision = cloning.resolve(SLUG)
    server.pause = threading.Event()
    try:
        hurried = dataclasses.replace(cloning, deadline=Deadline(1.0))
        with pytest.raises(FetchError, match="fetching took longer than 1 s"):
            hurried.fetch(revision, tmp_path / "into")
        assert not server.waited_out
        stopped = Deadline(60)
        threading.Timer(0.5, stopped.stop.set).start()
        hurried = dataclasses.replace(cloning, deadline=stopped)
        with pytest.raises(FetchError, match="was ended before its end"):
            hurried.fetch(revision, tmp_path / "into")
        assert not server.waited_out
    finally:
        server.pause.set()
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("trickles", [True, False])
def test_a_clone_that_grows_too_much_is_ended(
    repositories: Repositories,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
    trickles: bool,
) -> None:
    server.trickles = trickles
    # Without trickling it is there before the first look at its growth.
    size = 3_000_000 if trickles else 100_000
    repositories.make("o/r", {"big.bin": os.urandom(size)})
    small = dataclasses.replace(cloning, limits=Limits(archive=size // 3))
    assert "more than 0 MiB to clone" in refuse(small, tmp_path / "into").what
    # Not only noticed afterwards.
    assert not trickles or server.gone.wait(60)


@pytest.fixture
def stand_in(cloning: RemoteSource, tmp_path: Path) -> Callable[[str], RemoteSource]:
    """Gives a source whose git does something else, as lines of sh, and then git's work."""

    def put(lines: str) -> RemoteSource:
        (tmp_path / "bin").mkdir()
        script = tmp_path / "bin" / "git"
        script.write_text(
            f'#!/bin/sh\nreal={shutil.which("git")}\n{lines}\nexec $real "$@"\n'
        )
        script.chmod(0o755)
        environ = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}
        return dataclasses.replace(cloning, processes=Processes(environ, grace=1.0))

    return put


def test_a_pack_that_has_two_names_for_a_moment_counts_once(
    repositories: Repositories,
    stand_in: Callable[[str], RemoteSource],
    tmp_path: Path,
) -> None:
    """Git gives a finished pack its name by a link, and then takes the old one away."""
    repositories.make("o/r", {"big.bin": os.urandom(300_000)})
    source = stand_in(
        'case " $* " in *" fetch "*) $real "$@" || exit $?; cd "$PWD/../git/objects/pack" || exit 9;'
        ' for pack in *.pack; do ln "$pack" tmp_pack_x; done; exit 0;; esac'
    )
    limited = dataclasses.replace(source, limits=Limits(archive=450_000))
    assert names(take(limited, tmp_path / "into")) == ["big.bin"]


@pytest.mark.parametrize(
    "word", ["init", "fetch", "cat-file", "rev-parse", "ls-tree", "archive"]
)
def test_a_git_that_is_killed_says_nothing_of_the_commit(
    repositories: Repositories,
    stand_in: Callable[[str], RemoteSource],
    tmp_path: Path,
    word: str,
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    source = stand_in(f'case " $* " in *" {word} "*) kill -KILL $$;; esac')
    with pytest.raises(FetchError, match="git was ended") as caught:
        source.fetch(source.resolve(SLUG), tmp_path / "into")
    assert type(caught.value) is FetchError
    assert caught.value.remedy == "run it again"


# --- tokens ---------------------------------------------------------------------------


@pytest.fixture
def spied(
    cloning: RemoteSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[RemoteSource, Path]:
    """A source whose git notes every argv, and that of its children."""
    bin_folder, log = tmp_path / "bin", tmp_path / "argv.log"
    bin_folder.mkdir()
    real = shutil.which("git")
    script = bin_folder / "git"
    script.write_text(
        # What goes to the background may come to its first look after git is done.
        f'#!/bin/sh\nprintf "%s\\n" "$0 $*" | tee -a {log} >> {log}.all\n'
        f'( for i in 1 2 3 4 5 6 7 8; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " >> {log}.all; sleep 0.05; done ) >/dev/null 2>&1 &\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    environ = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    return dataclasses.replace(cloning, processes=Processes(environ, grace=1.0)), log


def test_the_token_is_given_and_never_seen(
    repositories: Repositories,
    forge: BookForge,
    server: GitServer,
    spied: tuple[RemoteSource, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source, log = spied
    server.token = forge.token = TOKEN
    repositories.make("o/r", {"main.py": "x"})
    kept: list[str] = []
    running: list[bytes] = []
    real = shutil.rmtree

    def look_around() -> None:
        for place in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                running.append((place / "cmdline").read_bytes())

    def look_then_remove(path: Path, **more: object) -> None:
        for place in Path(path).rglob("*"):
            if place.is_file() and TOKEN.encode() in place.read_bytes():
                kept.append(str(place))
        real(path, **more)  # type: ignore[arg-type]

    server.asked = look_around
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "rmtree", look_then_remove)
        assert names(take(source, tmp_path / "into")) == ["main.py"]
    assert server.passwords() == {TOKEN}
    assert [argv for argv in running if b"remote-http" in argv and b"/o/r" in argv]
    assert not [argv for argv in running if TOKEN.encode() in argv]
    assert kept == []
    assert "fetch --quiet" in log.read_text()
    assert TOKEN not in log.read_text()
    assert TOKEN not in Path(f"{log}.all").read_text(errors="replace")
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())
    for place in source.cache.folder.rglob("*"):
        assert not place.is_file() or TOKEN.encode() not in place.read_bytes()


def test_the_token_is_in_no_command_s_repr(tmp_path: Path) -> None:
    access = CloneAccess("https://h/o/r.git", "u", Secret(TOKEN))
    command = RemoteGit(access, tmp_path, tmp_path).command("fetch")
    assert TOKEN in str(dict(command.env))
    assert TOKEN not in repr(command)
    assert not [word for word in command.argv if TOKEN in word]
    assert command.secrets == (Secret(TOKEN),)
    assert command.env["GIT_ALLOW_PROTOCOL"] == "https"
    assert "lfs.url=https://h/o/r.git/info/lfs" in command.argv


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("protocol=https\nhost=h:8443\n", True),
        ("protocol=https\nhost=h:8443\npath=o/r.git\n", True),
        ("protocol=https\nhost=h\n", False),
        ("protocol=http\nhost=h:8443\n", False),
        ("protocol=https\nhost=evil\n", False),
        ("protocol=https\nhost=h.evil\n", False),
    ],
)
def test_git_gets_the_token_for_one_host_only(
    processes: Processes, tmp_path: Path, asked: str, answered: bool
) -> None:
    access = CloneAccess("https://h:8443/o/r.git", "u", Secret(TOKEN))
    command = RemoteGit(access, tmp_path, tmp_path).command("credential", "fill")
    told = processes.run(dataclasses.replace(command, secrets=()), input=asked + "\n")
    assert (f"password={TOKEN}" in told.stdout.splitlines()) == answered


def test_a_wrong_token_is_a_sentence_without_it(
    repositories: Repositories,
    forge: BookForge,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    server.token, forge.token = "another", TOKEN
    repositories.make("o/r", {"main.py": "x"})
    error = refuse(cloning, tmp_path / "into")
    assert error.what.endswith("/o/r.git with this token")
    assert server.passwords() == {TOKEN}


def test_a_redirect_to_another_host_gets_no_token_and_no_visit(
    repositories: Repositories,
    forge: BookForge,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    forge.token = TOKEN
    with serving(repositories.root) as other:
        other.token = TOKEN
        server.sends_to = other.url
        error = refuse(cloning, tmp_path / "into")
        assert "sends git to another place" in error.what
        assert other.seen == []


@pytest.mark.parametrize("token", ["a\nb", "a\r", "a\0b"])
def test_a_token_with_a_line_break_is_refused(tmp_path: Path, token: str) -> None:
    access = CloneAccess("https://h/o/r.git", "u", Secret(token))
    with pytest.raises(FetchError, match="holds a line break"):
        RemoteGit(access, tmp_path, tmp_path).command("fetch")


# --- nothing of the user's, nothing of the machine's ----------------------------------


def test_the_user_s_settings_change_nothing(
    repositories: Repositories,
    forge: BookForge,
    cloning: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    home, proof = tmp_path / "home", tmp_path / "proof"
    (home / "template/hooks").mkdir(parents=True)
    hook = f"#!/bin/sh\ntouch {proof}\n"
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (home / "template/hooks" / name).write_text(hook)
        (home / "template/hooks" / name).chmod(0o755)
    (home / "helper").write_text(f"{hook}echo username=x; echo password={TOKEN}\n")
    (home / "helper").chmod(0o755)
    (home / ".netrc").write_text(f"machine 127.0.0.1 login x password {TOKEN}\n")
    (home / ".gitconfig").write_text(
        f"[init]\n\ttemplateDir = {home}/template\n"
        f"[core]\n\thooksPath = {home}/template/hooks\n\taskPass = {home}/helper\n"
        f"[credential]\n\thelper = {home}/helper\n"
        '[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://127.0.0.1\n'
        f'[http]\n\textraHeader = "Authorization: Basic {TOKEN}"\n'
    )
    environ = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_ASKPASS": str(home / "helper"),
        "SSH_ASKPASS": str(home / "helper"),
    }
    source = dataclasses.replace(cloning, processes=Processes(environ, grace=1.0))
    repositories.make("o/r", {"main.py": "x"})
    assert names(take(source, tmp_path / "into")) == ["main.py"]
    server.token = "wanted"
    repositories.commit("o/r", {"more.py": "x"})
    refuse(source, tmp_path / "other")
    assert server.passwords() == set()
    assert not proof.exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc",
        "ext::sh -c id",
        "git@host:o/r",
        "ssh://git@host/o/r",
        "--upload-pack=id",
        "https://user:password@host/o/r",
        "https://user@host/o/r",
        "https://host",
        "https://host/a b",
        "https://host/a\nb",
        "https://host/a?b",
        "https://-host/a",
        "ftp://host/a",
        "https://host:x/a",
    ],
)
def test_only_plain_urls_reach_git(url: str) -> None:
    with pytest.raises(FetchError, match="no URL that karst gives to git"):
        check_url(url)


def test_plain_urls_are_taken() -> None:
    assert check_url("https://git.example.org:8443/a/b.git/") == (
        "https://git.example.org:8443/a/b.git"
    )
    assert check_url("http://127.0.0.1:80/~x/a%20b") == "http://127.0.0.1:80/~x/a%20b"


def test_a_company_s_bundle_reaches_git(tmp_path: Path) -> None:
    access = CloneAccess("https://h/o/r.git", "u", None)
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    git = RemoteGit(access, tmp_path, tmp_path, bundle)
    assert f"http.sslCAInfo={bundle}" in git.command("fetch").argv


@pytest.mark.parametrize(
    ("environ", "given", "expected"),
    [
        ({}, None, None),
        ({"SSL_CERT_FILE": "a"}, None, "a"),
        ({"SSL_CERT_FILE": "a", "REQUESTS_CA_BUNDLE": "b"}, None, "b"),
        ({"CURL_CA_BUNDLE": "a", "KARST_CA_BUNDLE": "b"}, None, "b"),
        ({"KARST_CA_BUNDLE": "gone", "SSL_CERT_FILE": "a"}, None, "a"),
        ({"KARST_CA_BUNDLE": "a"}, "b", "b"),
    ],
)
def test_the_bundle_is_the_one_that_the_forges_api_is_asked_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    given: str | None,
    expected: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).write_text("")
    cloner = Cloner(Processes(environ), ca_bundle=Path(given) if given else None)
    assert cloner.bundle == (Path(expected) if expected else None)


# --- hostile objects ------------------------------------------------------------------


def make_tree(folder: Path, rows: list[tuple[str, str, bytes]]) -> str:
    """Write a tree object of any form; return the commit that holds it."""
    (folder / "blob").write_text("#!/bin/sh\nid\n")
    blob = run_git(folder, "hash-object", "-w", "blob")
    (folder / "tree").write_bytes(
        b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(identity or blob)
            for mode, identity, name in rows
        )
    )
    tree = run_git(folder, "hash-object", "-w", "--literally", "-t", "tree", "tree")
    commit = run_git(folder, "commit-tree", "-m", "x", tree)
    run_git(folder, "update-ref", "refs/heads/main", commit)
    return commit


@pytest.mark.parametrize(
    "rows",
    [
        [("100644", "", b"..")],
        [("100644", "", b".git")],
        [("100644", "", b".GIT")],
        [("100644", "", b"a/../../b")],
        [("100644", "", b"a"), ("100644", "", b"a")],
        [("100644", "", b"")],
    ],
)
def test_a_tree_that_no_git_would_make_is_refused(
    repositories: Repositories,
    cloning: RemoteSource,
    tmp_path: Path,
    rows: list[tuple[str, str, bytes]],
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    commit = make_tree(repositories.folder("o/r"), rows)
    access = cloning.forge.clone_access("o/r")
    with pytest.raises(FetchError, match="git can't clone"):
        Cloner(cloning.processes).clone(access, commit, tmp_path / "c", where="x")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("100644", "", b"A"), ("100644", "", b"a")], "differ only in case"),
        ([("100644", "", b"caf\xe9")], "is no UTF-8"),
    ],
)
def test_what_an_archive_may_not_hold_a_clone_may_not_either(
    repositories: Repositories,
    cloning: RemoteSource,
    tmp_path: Path,
    rows: list[tuple[str, str, bytes]],
    sentence: str,
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    make_tree(repositories.folder("o/r"), rows)
    assert sentence in refuse(cloning, tmp_path / "into").what


def test_old_faults_that_harm_nobody_are_let_pass(
    repositories: Repositories, cloning: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    folder = repositories.folder("o/r")
    commit = make_tree(folder, [("0100644", "", b"main.py")])
    tree = run_git(folder, "rev-parse", f"{commit}^{{tree}}")
    (folder / "odd").write_text(
        f"tree {tree}\nauthor n<e> 1 +051800\ncommitter n <e> 1 +0000\n\nx\n"
    )
    commit = run_git(folder, "hash-object", "-w", "--literally", "-t", "commit", "odd")
    access = cloning.forge.clone_access("o/r")
    clone = Cloner(cloning.processes).clone(access, commit, tmp_path / "c", where="x")
    assert clone.tree == tree
