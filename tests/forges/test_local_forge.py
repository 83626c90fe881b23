"""file: slugs: clean copies of folders and of commits, and refusals in sentences."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from karst.config.slug import Slug, parse_slug
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.git import is_committed
from karst.fetch.revision import Checkout, Revision, RevisionGoneError, Source
from karst.forges.local import LocalForge

pytestmark = pytest.mark.processes


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words],
        cwd=folder,
        # A user's own settings may sign commits, convert lines or run hooks.
        env={
            **os.environ,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def names(checkout: Checkout) -> list[str]:
    root = checkout.root
    return sorted(
        str(p.relative_to(root))
        for p in root.rglob("*")
        if p.is_symlink() or not p.is_dir()
    )


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    (tmp_path / "stack").mkdir()
    return LocalForge(tmp_path / "stack", Processes(os.environ))


@pytest.fixture
def app(forge: LocalForge) -> Path:
    folder = forge.base / "app"
    put(
        folder,
        {
            "main.py": "print(1)\n",
            "pkg/mod.py": "",
            ".env": "TOKEN=x",
            "secrets/ca.key": "key",
            ".karst/state": "",
            "pkg/__pycache__/mod.pyc": "",
        },
    )
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o775)
    (folder / "link").symlink_to("pkg/mod.py")
    return folder


@pytest.fixture
def repository(app: Path) -> Path:
    put(app, {".gitignore": "*.log\n", ".gitattributes": "*.txt text eol=crlf\n"})
    put(app, {"lines.txt": "one\ntwo\n", "old.txt": "old\n"})
    git(app, "init", "-q", "-b", "main")
    git(
        app,
        "add",
        "-A",
        "-f",
        "main.py",
        "pkg/mod.py",
        ".env",
        "secrets",
        "run.sh",
        "link",
    )
    git(app, "add", ".gitignore", ".gitattributes", "lines.txt", "old.txt")
    git(app, "commit", "-q", "-m", "first")
    git(app, "tag", "v1")
    return app


def take(forge: LocalForge, slug: str, path: str = "") -> Checkout:
    revision = forge.resolve(parse_slug(slug), path)
    return forge.fetch(revision, Path(tempfile.mkdtemp(dir=forge.base.parent)) / "copy")


def test_it_is_a_source(forge: LocalForge) -> None:
    source: Source = forge
    assert source


def test_a_folder_is_copied_clean(forge: LocalForge, app: Path) -> None:
    revision = forge.resolve(parse_slug("file:./app"))
    assert (revision.slug, revision.path, revision.commit) == (
        Slug("file", "./app"),
        "",
        None,
    )
    checkout = take(forge, "file:./app")
    assert names(checkout) == ["link", "main.py", "pkg/mod.py", "run.sh"]
    assert (checkout.tree, checkout.commit) == (revision.tree, None)
    assert (checkout.root / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (checkout.root / "main.py").stat().st_mode & 0o777 == 0o644
    assert (checkout.root / "link").readlink() == Path("pkg/mod.py")


def test_the_tree_id_follows_content_only(forge: LocalForge, app: Path) -> None:
    before = forge.resolve(parse_slug("file:./app")).tree
    put(app, {".env": "other", "secrets/more": "x", "x.pyc": "y"})
    (app / "main.py").touch()
    assert forge.resolve(parse_slug("file:./app")).tree == before
    put(app, {"main.py": "print(2)\n"})
    assert forge.resolve(parse_slug("file:./app")).tree != before


def test_a_sub_folder_is_a_tree_of_its_own(forge: LocalForge, app: Path) -> None:
    checkout = take(forge, "file:./app", "pkg")
    assert names(checkout) == ["mod.py"]
    assert checkout.tree == forge.resolve(parse_slug("file:./app/pkg")).tree


def test_in_a_work_tree_git_says_what_belongs(
    forge: LocalForge, repository: Path
) -> None:
    put(repository, {"debug.log": "x", "new.py": "", "main.py": "print(2)\n"})
    (repository / "old.txt").unlink()
    checkout = take(forge, "file:./app")
    assert names(checkout) == [
        ".gitattributes",
        ".gitignore",
        "lines.txt",
        "link",
        "main.py",
        "new.py",
        "pkg/mod.py",
        "run.sh",
    ]
    assert (checkout.root / "main.py").read_text() == "print(2)\n"


def test_a_folder_that_is_itself_ignored_is_taken_as_it_is(
    forge: LocalForge, repository: Path
) -> None:
    put(repository, {".gitignore": "scratch/\n", "scratch/main.py": ""})
    assert names(take(forge, "file:./app/scratch")) == ["main.py"]


def test_a_repository_inside_of_the_folder_comes_along(
    forge: LocalForge, repository: Path
) -> None:
    put(repository, {"inner/x.py": "", "inner/.gitignore": "y\n", "inner/y": ""})
    git(repository / "inner", "init", "-q")
    assert [n for n in names(take(forge, "file:./app")) if "inner" in n] == [
        "inner/.gitignore",
        "inner/x.py",
    ]


def test_a_ref_takes_the_commit_never_the_working_tree(
    forge: LocalForge, repository: Path
) -> None:
    put(repository, {"main.py": "print('changed')\n", "new.py": ""})
    head = git(repository, "rev-parse", "HEAD")
    for ref in ("main", "v1", head, head[:10]):
        checkout = take(forge, f"file:./app#{ref}")
        assert checkout.commit == head
        assert checkout.tree == git(repository, "rev-parse", "HEAD^{tree}")
        assert names(checkout) == [
            ".gitattributes",
            ".gitignore",
            "lines.txt",
            "link",
            "main.py",
            "old.txt",
            "pkg/mod.py",
            "run.sh",
        ]
        assert (checkout.root / "main.py").read_text() == "print(1)\n"
        assert (checkout.root / "run.sh").stat().st_mode & 0o777 == 0o755


def test_a_commit_s_bytes_are_not_converted(
    forge: LocalForge, repository: Path
) -> None:
    checkout = take(forge, "file:./app#v1")
    assert (checkout.root / "lines.txt").read_bytes() == b"one\ntwo\n"


def test_a_repository_s_settings_run_nothing(
    forge: LocalForge, repository: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    for key in ("core.fsmonitor", "filter.f.smudge", "filter.f.clean"):
        git(repository, "config", key, f"touch {proof}; cat")
    git(repository, "config", "filter.f.required", "true")
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
    hook.chmod(0o755)
    (repository / ".git/info/attributes").write_text("* filter=f\n")
    assert take(forge, "file:./app#v1").commit
    assert take(forge, "file:./app").root
    assert not proof.exists()


def test_a_sub_folder_of_a_commit(forge: LocalForge, repository: Path) -> None:
    tree = git(repository, "rev-parse", "HEAD:pkg")
    for slug, path in (("file:./app#v1", "pkg"), ("file:./app/pkg#v1", "")):
        checkout = take(forge, slug, path)
        assert (names(checkout), checkout.tree) == (["mod.py"], tree)


def test_a_bare_repository_has_refs(forge: LocalForge, repository: Path) -> None:
    git(forge.base, "clone", "-q", "--bare", "app", "app:bare.git")
    assert "main.py" in names(take(forge, "file:./app:bare.git#v1"))


def test_a_branch_known_from_origin_only(forge: LocalForge, repository: Path) -> None:
    git(repository, "branch", "topic")
    git(forge.base, "clone", "-q", "app", "clone")
    assert take(forge, "file:./clone#topic").commit == git(
        repository, "rev-parse", "main"
    )


def refusal(forge: LocalForge, slug: str, path: str = "") -> str:
    with pytest.raises(FetchError) as caught:
        take(forge, slug, path)
    assert caught.value.exit_code == 12
    return str(caught.value).replace(str(forge.base.resolve()), "BASE")


def test_a_missing_folder_is_a_sentence(forge: LocalForge) -> None:
    assert refusal(forge, "file:./gone") == (
        "file:./gone (BASE/gone): there is no such folder\n"
        "  -> file: paths are relative to the folder of repos.yaml"
    )


def test_a_file_is_a_sentence(forge: LocalForge) -> None:
    put(forge.base, {"x": ""})
    assert "this is a file, not a folder" in refusal(forge, "file:./x")


def test_a_missing_sub_folder_is_a_sentence(
    forge: LocalForge, repository: Path
) -> None:
    assert "there is no such folder" in refusal(forge, "file:./app", "gone")
    text = refusal(forge, "file:./app#v1", "gone")
    assert "there is no folder 'gone' in commit" in text


@pytest.mark.parametrize("path", ["..", "../other", "a/../../b", "/etc"])
def test_a_path_that_leaves_is_a_sentence(
    forge: LocalForge, app: Path, path: str
) -> None:
    assert "leads out of the repository" in refusal(forge, "file:./app", path)


def test_an_unknown_ref_names_the_known_ones(
    forge: LocalForge, repository: Path
) -> None:
    assert refusal(forge, "file:./app#v9") == (
        "file:./app#v9: there is no branch, tag or commit 'v9'\n  -> it has: main, v1"
    ) or refusal(forge, "file:./app#v9").endswith("it has: v1, main")


@pytest.mark.parametrize(
    ("word", "slug", "where"),
    [
        ("--absolute-git-dir", "file:./app#main", "BASE/app"),
        ("--verify", "file:./app#main", "BASE/app"),
        ("cat-file", "file:./app#main", "BASE/app"),
        ("read-tree", "file:./app#main", "file:./app#main"),
        ("check-ignore", "file:./app", "BASE/app"),
        ("ls-files", "file:./app", "BASE/app"),
    ],
)
def test_a_git_that_is_killed_has_not_said_that_there_is_nothing(
    forge: LocalForge,
    repository: Path,
    tmp_path: Path,
    word: str,
    slug: str,
    where: str,
) -> None:
    killed = replace(forge, processes=processes_without(word, tmp_path))
    assert refusal(killed, slug).startswith(
        f"{where}: git was ended before it answered\n  -> run it again"
    )


def test_a_git_that_is_killed_has_not_said_that_nothing_is_committed(
    repository: Path, tmp_path: Path
) -> None:
    assert is_committed(repository, ".env", Processes(os.environ))
    assert not is_committed(repository, ".karst", Processes(os.environ))
    with pytest.raises(FetchError, match="git was ended"):
        is_committed(repository, ".env", processes_without("ls-files", tmp_path))


def processes_without(word: str, folder: Path) -> Processes:
    """Processes whose git is killed where it gets this word."""
    script = folder / "bin" / "git"
    lines = (
        "#!/bin/sh",
        f'case " $* " in *" {word} "*) kill -KILL $$;; esac',
        f'exec {shutil.which("git")} "$@"',
    )
    put(script.parent, {"git": "\n".join(lines)})
    script.chmod(0o755)
    return Processes({**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"})


def test_a_folder_without_git_has_no_refs(forge: LocalForge, app: Path) -> None:
    assert refusal(forge, "file:./app#main") == (
        "file:./app#main: the folder is no git repository, so it has no refs\n"
        "  -> leave '#main' out to take the files as they are"
    )


def test_an_empty_folder_is_a_sentence(forge: LocalForge) -> None:
    put(forge.base, {"hollow/.env": ""})
    assert "holds no file that belongs to it" in refusal(forge, "file:./hollow")


@pytest.mark.parametrize("target", ["../outside", "/etc/passwd", "up/../../outside"])
def test_links_that_leave_are_refused(
    forge: LocalForge, app: Path, target: str
) -> None:
    (app / "pkg" / "up").symlink_to("..")
    (app / "bad").symlink_to(target)
    text = refusal(forge, "file:./app")
    assert f"the link 'bad' leads out of the folder, to '{target}'" in text


def test_a_link_that_leaves_by_way_of_another_is_refused(
    forge: LocalForge, app: Path
) -> None:
    (app / "pkg" / "up").symlink_to("..")
    (app / "sly").symlink_to("pkg/up/../outside")
    assert "the link 'sly' leads out" in refusal(forge, "file:./app")


def test_links_of_a_commit_are_looked_at_too(
    forge: LocalForge, repository: Path
) -> None:
    (repository / "bad").symlink_to("../../x")
    git(repository, "add", "bad")
    git(repository, "commit", "-q", "-m", "link")
    assert "the link 'bad' leads out" in refusal(forge, "file:./app#main")


def test_a_submodule_of_a_commit_is_refused(
    forge: LocalForge, repository: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},lib")
    git(repository, "commit", "-q", "-m", "sub")
    assert "'lib' is a submodule, which karst does not fetch" in refusal(
        forge, "file:./app#main"
    )


def test_an_empty_submodule_folder_is_a_sentence(
    forge: LocalForge, repository: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},lib")
    (repository / "lib").mkdir()
    assert "the submodule 'lib' is not checked out" in refusal(forge, "file:./app")


def test_on_a_request_a_folder_outside_is_refused(forge: LocalForge, app: Path) -> None:
    (forge.base / "away").symlink_to(forge.base.parent)
    guarded = LocalForge(forge.base, forge.processes, within=forge.base)
    assert take(guarded, "file:./app").root
    for slug, path in (("file:..", ""), ("file:./away", ""), ("file:.", "away")):
        assert "outside of the workspace" in refusal(guarded, slug, path)


def test_a_name_that_is_no_utf8_is_a_sentence(forge: LocalForge, app: Path) -> None:
    (app / os.fsdecode(b"caf\xe9")).write_text("")
    assert "is no UTF-8" in refusal(forge, "file:./app")


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("closed", ["app/pkg", "app/main.py", "app"])
def test_what_cannot_be_read_is_a_sentence(closed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        put(base, {"app/pkg/mod.py": "", "app/main.py": ""})
        # Whatever the umask, nothing else keeps nobody out.
        for place in (base, *base.rglob("*")):
            place.chmod(0o755)
        (base / closed).chmod(0)
        forge = LocalForge(base, Processes({"PATH": os.environ["PATH"]}))
        with as_nobody(), pytest.raises(FetchError) as caught:
            forge.resolve(parse_slug("file:./app"))
        (base / closed).chmod(0o755)
    assert caught.value.what.endswith("can't be read: Permission denied")
    assert closed in caught.value.what
    assert caught.value.where == "file:./app"
    assert caught.value.remedy


def test_what_goes_away_meanwhile_is_no_matter_of_permissions(
    forge: LocalForge, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(origin: Path, into: Path) -> None:
        origin.unlink()
        into.write_bytes(origin.read_bytes())

    monkeypatch.setattr(shutil, "copyfile", copy)
    assert refusal(forge, "file:./app") == (
        "file:./app: 'BASE/app/main.py' is gone since the folder was listed\n"
        "  -> run it again once nothing changes the folder"
    )


def test_the_list_of_services_is_no_part_of_a_folder(
    forge: LocalForge, tmp_path: Path
) -> None:
    app = forge.base
    put(app, {"main.py": "print()", "repos.yaml": "[file:.]", "sub/repos.yaml": "x"})
    leaving = replace(
        forge, leave_out=frozenset({app.resolve() / "repos.yaml", app / "repos.lock"})
    )
    before = leaving.resolve(Slug("file", "."))
    put(app, {"repos.yaml": "changed", "repos.lock": "new"})
    # What another karst is writing, or was when it was killed.
    put(app, {".repos.lock.0123456789ab.new": "half"})
    after = leaving.resolve(Slug("file", "."))
    assert before == after
    checkout = leaving.fetch(after, tmp_path / "out")
    # Another file of that name is a file like any other.
    assert names(checkout) == ["main.py", "sub/repos.yaml"]
    assert checkout.tree == after.tree
    put(app, {"sub/repos.yaml": "y"})
    assert leaving.resolve(Slug("file", ".")) != after


def test_a_path_that_is_not_there_is_told_as_a_path(forge: LocalForge) -> None:
    put(forge.base / "app", {"a/x.py": "x"})
    with pytest.raises(FetchError) as told:
        forge.resolve(Slug("file", "./app", None), "nope")
    assert told.value.remedy.startswith("correct 'path: nope'")
    with pytest.raises(FetchError) as told:
        forge.resolve(Slug("file", "./nope", None))
    assert told.value.remedy.startswith("file: paths are relative")


def test_a_pinned_commit_is_fetched_by_its_root_s_tree(
    forge: LocalForge, tmp_path: Path
) -> None:
    app = forge.base / "app"
    put(app, {"a/x.py": "x", "b/y.py": "y"})
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "m")
    slug = Slug("file", "./app", "main")
    known = forge.resolve(slug, "a")
    root = git(app, "rev-parse", "HEAD^{tree}")
    assert known.root_tree == root
    pinned = Revision(slug, "a", known.commit, None, root)
    put(app, {"a/x.py": "later"})
    git(app, "commit", "-q", "-a", "-m", "m")
    checkout = forge.fetch(pinned, tmp_path / "out")
    assert (checkout.tree, checkout.root_tree) == (known.tree, root)
    assert (checkout.root / "x.py").read_text() == "x"
    with pytest.raises(RevisionGoneError, match="holds tree"):
        forge.fetch(replace(pinned, root_tree="0" * 40), tmp_path / "other")
    with pytest.raises(RevisionGoneError, match="the commit 000000000000 is not in"):
        forge.fetch(replace(pinned, commit="0" * 40), tmp_path / "other")


@pytest.mark.parametrize("way", ["common folder", "alternate", "link", "linked object"])
def test_a_committed_repository_borrows_from_nowhere_else(
    forge: LocalForge, app: Path, tmp_path: Path, way: str
) -> None:
    """Whoever writes a request may commit a bare repository of his own making."""
    other = tmp_path / "other"
    put(other, {"app.py": "private"})
    git(other, "init", "--quiet", "--initial-branch=main")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "--message=x")
    theirs = other / ".git"
    bare = forge.base / "bare"
    put(bare, {"HEAD": "ref: refs/heads/main\n", "objects/info/x": "", "refs/x": ""})
    put(bare, {"config": "[core]\nrepositoryformatversion = 0\nbare = true\n"})
    put(bare, {"refs/heads/main": git(other, "rev-parse", "HEAD")})
    if way == "common folder":
        put(bare, {"commondir": str(theirs)})
    elif way == "alternate":
        put(bare, {"objects/info/alternates": str(theirs / "objects")})
    else:
        for folder in (theirs / "objects").glob("??"):
            if way == "link":
                (bare / "objects" / folder.name).symlink_to(folder)
                continue
            (bare / "objects" / folder.name).mkdir()
            for file in folder.iterdir():
                (bare / "objects" / folder.name / file.name).symlink_to(file)
    guarded = replace(forge, within=forge.base)
    slug = parse_slug("file:./bare#main")
    revision = forge.resolve(slug)
    for step in (
        lambda: guarded.resolve(slug),
        lambda: guarded.fetch(revision, tmp_path / "copy"),
    ):
        with pytest.raises(FetchError, match="outside of the workspace"):
            step()
    assert not (tmp_path / "copy").exists()


def test_a_repository_of_the_workspace_is_its_own(
    forge: LocalForge, repository: Path
) -> None:
    guarded = replace(forge, within=forge.base)
    git(forge.base, "clone", "--quiet", "--bare", "app", "bare")
    for place in ("app", "bare"):
        assert guarded.resolve(parse_slug(f"file:./{place}#HEAD")).commit


def test_private_files_are_private_in_any_case(forge: LocalForge, app: Path) -> None:
    before = names(take(forge, "file:./app"))
    put(app, {".ENV": "T=x", "a/.Env.Local": "T=x", ".Karst/s": "", "b/.GIT/x": ""})
    assert names(take(forge, "file:./app")) == before
