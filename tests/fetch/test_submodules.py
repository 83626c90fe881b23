"""Submodules: fetched like their repository, with the token for its owner's only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from book_forge import BookForge, Repositories, names
from git_server import GitServer, run_git, serving

from karst.config.slug import parse_slug
from karst.errors import FetchError
from karst.fetch.clone_submodules import Trust, read_gitmodules, resolve_url
from karst.fetch.remote import CloneAccess
from karst.fetch.remote_source import RemoteSource
from karst.fetch.revision import Checkout
from karst.fetch.unpack_limits import Limits
from karst.secret import Secret

pytestmark = pytest.mark.processes
TOKEN = "s3cret-t0ken-value"


def take(source: RemoteSource, into: Path, path: str = "") -> Checkout:
    return source.fetch(source.resolve(parse_slug("gh:o/r"), path), into)


def test_submodules_come_with_their_own(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    deepest = repositories.make("other/deepest", {"deep.py": "deep\n"})
    repositories.make("o/lib", {"lib.py": "lib\n", ".env": "X=1\n", "to": "-> lib.py"})
    lib = repositories.add_submodule(
        "o/lib", "vendor/deepest", "../../other/deepest.git", deepest
    )
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "libs/lib", "../lib.git", lib)
    expected = ["libs/lib/.gitmodules", "libs/lib/lib.py", "libs/lib/to"]
    expected = [".gitmodules", *expected, "libs/lib/vendor/deepest/deep.py", "main.py"]
    for name in ("cold", "warm"):
        checkout = take(source, tmp_path / name)
        assert names(checkout.root) == expected
        assert checkout.tree == repositories.tree("o/r")
        assert (checkout.root / "libs/lib/lib.py").read_text() == "lib\n"
    assert len([1 for method, _, _ in server.seen if method == "POST"]) == 3
    offline = dataclasses.replace(source, offline=True)
    revision = source.resolve(parse_slug("gh:o/r"))
    forge.calls.clear()
    assert names(offline.fetch(revision, tmp_path / "offline").root) == expected
    assert forge.calls == []


def test_a_folder_has_its_own_submodules_only(
    repositories: Repositories, source: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    lib = repositories.make("o/lib", {"lib.py": "lib\n"})
    repositories.make("o/r", {"app/main.py": "x"})
    repositories.add_submodule("o/r", "app/lib", "../lib.git", lib)
    repositories.add_submodule("o/r", "elsewhere/gone", "../gone.git", "a" * 40)
    checkout = take(source, tmp_path / "into", "app")
    assert names(checkout.root) == ["lib/lib.py", "main.py"]
    assert checkout.tree == repositories.tree("o/r", path="app")
    with pytest.raises(FetchError, match="'app/lib/x' is in the submodule 'app/lib'"):
        take(source, tmp_path / "other", "app/lib/x")


def test_a_submodule_that_nothing_names_is_an_empty_folder(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    folder = repositories.folder("o/r")
    entry = f"160000,{'a' * 40},embedded"
    run_git(folder, "update-index", "--add", "--cacheinfo", entry)
    run_git(folder, "commit", "-q", "-m", "x")
    checkout = take(source, tmp_path / "into")
    assert names(checkout.root) == ["main.py"]
    assert not (checkout.root / "embedded").exists()


def test_the_token_goes_to_the_same_owner_and_to_nobody_else(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    server.token = forge.token = TOKEN
    server.private = frozenset({"o/r", "o/lib"})
    lib = repositories.make("o/lib", {"lib.py": ""})
    public = repositories.make("p/public", {"public.py": ""})
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "lib", "../lib.git", lib)
    repositories.add_submodule("o/r", "public", f"{server.url}/p/public.git", public)
    checkout = take(source, tmp_path / "into")
    assert {"lib/lib.py", "public/public.py"} < set(names(checkout.root))
    given = {path.split(".git")[0] for _, path, header in server.seen if header}
    assert given == {"/o/r", "/o/lib"}


def test_somebody_else_s_private_repository_is_not_read_with_the_token(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    server.token = forge.token = TOKEN
    private = repositories.make("victim/private", {"secret.py": ""})
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "lib", "../../victim/private.git", private)
    with pytest.raises(FetchError) as caught:
        take(source, tmp_path / "into")
    assert "git may not read" in caught.value.what
    assert caught.value.where == "gh:o/r, its submodule 'lib'"
    assert "submodules of the same owner only" in caught.value.remedy
    assert not (tmp_path / "into").exists()
    assert not [1 for _, path, head in server.seen if "victim" in path and head]


def test_a_stranger_between_gets_no_token_for_what_he_names(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    server.token = forge.token = TOKEN
    server.private = frozenset({"o/r", "o/private"})
    private = repositories.make("o/private", {"secret.py": ""})
    repositories.make("p/public", {"public.py": ""})
    public = repositories.add_submodule("p/public", "x", "../../o/private.git", private)
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "public", "../../p/public.git", public)
    with pytest.raises(FetchError) as caught:
        take(source, tmp_path / "into")
    assert "/o/private.git" in caught.value.what
    assert not [1 for _, path, head in server.seen if "private" in path and head]


def test_another_host_gets_no_token(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    server.token = forge.token = TOKEN
    lib = repositories.make("o/lib", {"lib.py": ""})
    repositories.make("o/r", {"main.py": "x"})
    with serving(repositories.root) as other:
        other.token = TOKEN
        # Plain http is for the repository's own host; this one is asked by https.
        repositories.add_submodule("o/r", "lib", f"{other.url}/o/lib.git", lib)
        with pytest.raises(FetchError):
            take(source, tmp_path / "into")
        assert other.passwords() == set()


def test_a_link_of_a_submodule_stays_in_it(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    lib = repositories.make("o/lib", {"out": "-> ../main.py"})
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "lib", "../lib.git", lib)
    with pytest.raises(FetchError, match="the link 'out' leads out of the folder"):
        take(source, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_link_through_a_submodule_s_link_stays_inside_of_all(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    # `lib/near` is `lib` itself, so the two dots behind it lead out of the root.
    lib = repositories.make("o/lib", {"near": "-> .", "x": ""})
    repositories.make("o/r", {"main.py": "x", "a": "-> lib/near/../../etc/passwd"})
    repositories.add_submodule("o/r", "lib", "../lib.git", lib)
    with pytest.raises(FetchError, match="the link 'a' leads out of the folder"):
        take(source, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_submodules_without_end_are_refused(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    inner = repositories.make("o/s0", {"x": ""})
    for number in range(1, 4):
        repositories.make(f"o/s{number}", {"x": ""})
        inner = repositories.add_submodule(
            f"o/s{number}", "s", f"../s{number - 1}.git", inner
        )
    repositories.make("o/r", {"main.py": "x"})
    repositories.add_submodule("o/r", "s", "../s3.git", inner)
    revision = source.resolve(parse_slug("gh:o/r"))
    for limits in (Limits(submodule_depth=3), Limits(submodules=3)):
        small = dataclasses.replace(source, limits=limits)
        with pytest.raises(FetchError, match="has too many submodules"):
            small.fetch(revision, tmp_path / "into")
    assert "s/s/s/s/x" in names(source.fetch(revision, tmp_path / "into").root)


HTTPS = "https://h.org/group/sub/repo.git"


@pytest.mark.parametrize(
    ("url", "parent", "expected"),
    [
        ("../lib.git", HTTPS, "https://h.org/group/sub/lib.git"),
        ("../../lib", HTTPS, "https://h.org/group/lib"),
        ("./nested", HTTPS, "https://h.org/group/sub/repo.git/nested"),
        ("../lib.git/", HTTPS, "https://h.org/group/sub/lib.git"),
        ("https://x.org/a/b", HTTPS, "https://x.org/a/b"),
        ("https://x.org/a/b/", HTTPS, "https://x.org/a/b"),
        ("http://x.org/a/b", HTTPS, "https://x.org/a/b"),
        ("http://h.org/a/b", HTTPS, "https://h.org/a/b"),
        ("git://x.org/a/b", HTTPS, "https://x.org/a/b"),
        ("https://user:pass@x.org/a/b", HTTPS, "https://x.org/a/b"),
        ("https://h.org@x.org/a/b", HTTPS, "https://x.org/a/b"),
        ("git@h.org:a/b.git", HTTPS, "https://h.org/a/b.git"),
        ("git@x.org:a/b.git", HTTPS, "https://x.org/a/b.git"),
        ("ssh://git@h.org/a/b.git", HTTPS, "https://h.org/a/b.git"),
        ("ssh://git@h.org:2222/a/b.git", HTTPS, "https://h.org/a/b.git"),
        ("git@h:a/b.git", "http://h:8080/c/d.git", "http://h:8080/a/b.git"),
        ("http://h:8080/a/b", "http://h:8080/c/d.git", "http://h:8080/a/b"),
        ("http://h:80/a/b", "http://h:8080/c/d.git", "https://h:80/a/b"),
        ("http://x/a/b", "http://h:8080/c/d.git", "https://x/a/b"),
    ],
)
def test_a_submodule_s_url_becomes_one_that_git_gets(
    url: str, parent: str, expected: str
) -> None:
    assert resolve_url(url, parent, where="x") == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/etc",
        "file:///etc",
        "file://h.org/etc",
        "ext::sh -c id",
        "-oProxyCommand=id",
        "ssh://-oProxyCommand=id/x",
        "git@-oProxyCommand=id:x",
        "fd::17",
        "https://",
        "https://h.org",
        "https://h.org/a b",
        "https://h.org/a\n/b",
        "https://h.org/\u202e/b",
        "https://h.org/group/../victim/x",
        "https://h.org/group/%2e%2E/victim/x",
        "https://h.org/group/.%2e/victim/x",
        "https://h.org/group/./x",
        "../x/%2e%2e/%2e%2e/victim/x",
        "git@h.org:a/b\x1b[2J",
        "../../../../x",
        "../../../..",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        resolve_url(url, HTTPS, where="x")
    assert str(caught.value).replace("\n", "").isprintable()


ACCESS = CloneAccess("https://h.org/git/group/sub/repo.git", "u", Secret(TOKEN))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://h.org/git/group/other.git", True),
        ("https://h.org/git/group/sub/deep/other", True),
        ("https://h.org/git/groupies/other", False),
        ("https://h.org/git/other/x", False),
        ("https://h.org/group/x", False),
        ("https://h.org:8443/git/group/x", False),
        ("http://h.org/git/group/x", False),
        ("https://h.org.evil/git/group/x", False),
        ("https://evil/https://h.org/git/group/x", False),
        ("https://h.org/git/group/a%2f..%2fvictim/x", False),
    ],
)
def test_who_gets_the_token(url: str, trusted: bool) -> None:
    access = Trust.of(ACCESS, "group/sub/repo").access_of(url)
    assert access.url == url
    assert (access.password is not None) == trusted


def test_a_repository_that_is_spelled_otherwise_trusts_its_neighbours() -> None:
    access = dataclasses.replace(ACCESS, url="https://h.org/Group/Sub/Repo.git")
    trust = Trust.of(access, "group/sub/repo")
    assert trust.access_of("https://h.org/Group/Sub/x").password is not None
    assert trust.access_of("https://h.org/Group/x").password is None


def test_gitmodules_are_read_by_git(source: RemoteSource, tmp_path: Path) -> None:
    canary = tmp_path / "included"
    canary.write_text('[submodule "c"]\n\tpath = c\n\turl = ../c\n')
    text = (
        '[submodule "a.b"]\n\tpath = x/y\n\turl = ../a\n'
        '[submodule "only-path"]\n\tpath = z\n'
        f"[include]\n\tpath = {canary}\n"
    )
    found = read_gitmodules(text.encode(), source.processes, "x")
    assert found == {"x/y": "../a"}
    with pytest.raises(FetchError, match=r"\.gitmodules can't be read"):
        read_gitmodules(b"[submodule", source.processes, "x")
