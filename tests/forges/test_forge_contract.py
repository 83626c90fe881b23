"""What every forge answers alike, whichever it is."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from karst.errors import FetchError
from karst.fetch.remote import ArchiveUnavailableError, CloneAccess
from tests.fakes.exchange import Reply
from tests.fakes.repositories import GitRepository
from tests.fakes.world import OTHER_TOKEN, World

pytestmark = pytest.mark.processes
MIB = 1024 * 1024


def refusal(world: World, ref: str | None, path: str = "", **options: object) -> str:
    """The sentence by which the forge refuses to resolve a ref."""
    with pytest.raises(FetchError) as told:
        world.forge(**options).find_commit(path or world.path, ref)  # type: ignore[arg-type]
    assert told.value.__context__ is None
    return str(told.value)


def test_without_a_ref_the_default_branch_counts(world: World) -> None:
    head = world.repository.git("rev-parse", "HEAD")
    world.repository.switch("work", create=True)
    world.repository.commit({"b": "2"})
    world.repository.switch("main")
    found = world.forge().find_commit(world.path, None)
    name = "main" if world.kind == "bb" else "HEAD"
    assert (found.repository, found.commit, found.ref) == (world.path, head, name)


@pytest.mark.parametrize(
    "ref",
    ["main", "feature/with/slashes", "light", "v1.0", "odd name@2'+&%", "release.1"],
)
def test_a_branch_or_a_tag_is_its_commit(world: World, ref: str) -> None:
    git = world.repository
    git.branch("feature/with/slashes")
    git.tag("light")
    git.tag("v1.0", message="An object of its own")
    name = ref.replace(" ", "-")
    if ref.startswith("odd"):
        git.branch(name)
    first = git.git("rev-parse", "HEAD")
    git.branch("release.1")
    git.branch("release-1", git.commit({"b": "2"}))
    expected = git.git("rev-parse", "HEAD") if ref == "main" else first
    found = world.forge().find_commit(world.path, name)
    assert (found.commit, found.ref) == (expected, name)


@pytest.mark.parametrize("digits", [40, 12, 7])
def test_a_commit_is_found_by_its_id_or_the_beginning_of_it(
    world: World, digits: int
) -> None:
    first = world.repository.git("rev-parse", "HEAD")
    world.repository.commit({"b": "2"})
    found = world.forge().find_commit(world.path, first[:digits])
    assert (found.commit, found.ref) == (first, first[:digits])


def test_a_branch_goes_before_a_commit_whose_id_begins_like_its_name(
    world: World,
) -> None:
    first = world.repository.git("rev-parse", "HEAD")
    second = world.repository.commit({"b": "2"})
    world.repository.branch(first[:8], second)
    assert world.forge().find_commit(world.path, first[:8]).commit == second


def test_a_name_that_is_branch_and_tag_is_refused_unless_it_says_which(
    world: World,
) -> None:
    git = world.repository
    first = git.git("rev-parse", "HEAD")
    second = git.commit({"b": "2"})
    git.branch("both", first)
    git.tag("both", second, message="annotated")
    assert refusal(world, "both") == (
        f"{world.slug('both')}: 'both' is both a branch and a tag, of different commits\n"
        "  -> write '#refs/heads/both' for the branch, '#refs/tags/both' for the tag"
    )
    forge = world.forge()
    assert forge.find_commit(world.path, "refs/heads/both").commit == first
    assert forge.find_commit(world.path, "refs/tags/both").commit == second
    git.git("tag", "-f", "both", first)
    assert world.forge().find_commit(world.path, "both").commit == first


def test_a_ref_that_is_not_there_is_named(world: World) -> None:
    world.repository.branch("near-miss")
    assert refusal(world, "near") == (
        f"{world.slug('near')}: there is no branch, tag or commit 'near'\n"
        "  -> look at the repository's branches and tags for the name"
    )


def test_a_short_id_of_two_commits_is_refused(world: World) -> None:
    prefix = two_commits_that_begin_alike(world.repository)
    assert refusal(world, prefix) == (
        f"{world.slug(prefix)}: there is no branch, tag or commit '{prefix}'\n"
        "  -> only one commit may begin with a short id: write more of it"
    )


def two_commits_that_begin_alike(git: GitRepository) -> str:
    """Put two commits with the same first four digits on branches; returns those."""
    tree = git.git("rev-parse", "HEAD^{tree}")
    person = "Ada <ada@example.test> 1767323045 +0000"
    seen: dict[str, bytes] = {}
    for number in range(5000):
        body = (
            f"tree {tree}\nauthor {person}\ncommitter {person}\n\n{number}\n".encode()
        )
        header = b"commit %d\0" % len(body)
        prefix = hashlib.sha1(header + body, usedforsecurity=False).hexdigest()[:4]
        if prefix in seen:
            for name, content in (("one", seen[prefix]), ("two", body)):
                sha = git.git(
                    "hash-object", "-t", "commit", "-w", "--stdin", data=content
                )
                git.branch(name, sha)
            return prefix
        seen[prefix] = body
    raise AssertionError("no two ids begin alike")


def test_the_tree_is_git_s_or_unknown(world: World) -> None:
    git = world.repository
    git.commit({f"file-{n}.txt": str(n) for n in range(130)})
    git.commit({"src/a.py": "1", "src.py": "2", "src-b": "3", "ä.txt": "4"})
    (git.folder / "link").symlink_to("main.py")
    (git.folder / "main.py").chmod(0o755)
    commit = git.commit()
    found = world.forge().find_commit(world.path, None)
    own = git.git("rev-parse", f"{commit}^{{tree}}")
    assert found.tree == (None if world.kind == "bb" else own)


def test_a_private_repository_is_hidden_from_others_and_said_so(world: World) -> None:
    path = "acme/secret"
    world.fake.add(path, world.folder / "s", private=True).commit({"a": "1"})
    assert world.forge().find_commit(path, "main").repository == path
    for token, told in ((None, "or it is private"), (OTHER_TOKEN, "may not see it")):
        for ref in (None, "main"):
            text = refusal(world, ref, path, token=token)
            assert text.startswith(
                f"{world.slug(ref or '', path)}: {world.forge().name}"
            )
            assert told in text
    absent = refusal(world, None, "acme/absent")
    assert absent.replace("absent", "secret") == refusal(
        world, None, path, token=OTHER_TOKEN
    )


def test_an_unknown_token_is_the_token_s_fault(world: World) -> None:
    text = refusal(world, "main", token="revoked-token-123456")
    assert (
        f"{world.slug('main')}: {world.forge().name} does not accept the token" in text
    )
    assert "revoked-token" not in text


def test_an_empty_repository_is_a_sentence(world: World) -> None:
    world.fake.add("acme/empty", world.folder / "e")
    assert refusal(world, None, "acme/empty") == (
        f"{world.slug(path='acme/empty')}: the repository is empty: it has no commit yet\n"
        "  -> push a first commit to it"
    )
    assert world.slug("main", "acme/empty") in refusal(world, "main", "acme/empty")


@pytest.mark.parametrize("ref", [None, "main", "refs/heads/main"])
def test_a_renamed_repository_is_followed_and_its_new_path_told(
    world: World, ref: str | None
) -> None:
    head = world.repository.git("rev-parse", "HEAD")
    world.fake.rename("acme/web", "acme/shop-web")
    found = world.forge().find_commit("acme/web", ref)
    assert (found.repository, found.commit) == ("acme/shop-web", head)
    archive = world.folder / "a.tar.gz"
    world.forge().download_archive("acme/web", head, archive, limit=MIB)
    assert archive.stat().st_size


def test_the_archive_is_the_commit_s(world: World) -> None:
    first = world.repository.git("rev-parse", "HEAD")
    world.repository.commit({"main.py": "changed", "later": ""})
    into = world.folder / "a.tar.gz"
    world.forge().download_archive(world.path, first, into, limit=MIB)
    with tarfile.open(into) as archive:
        files = {m.name.partition("/")[2]: m for m in archive if m.isfile()}
        member = archive.extractfile(files["main.py"])
        assert member is not None
        assert (set(files), member.read()) == ({"main.py"}, b"print('hello')\n")


def test_an_archive_over_the_limit_leaves_no_file(world: World) -> None:
    commit = world.repository.commit({"noise": os.urandom(200_000)})
    into = world.folder / "a.tar.gz"
    forge = world.forge()
    with pytest.raises(ArchiveUnavailableError) as told:
        forge.download_archive(world.path, commit, into, limit=100_000)
    assert "the archive is longer than" in str(told.value)
    assert world.slug(commit) in str(told.value)
    assert not into.exists()
    forge.download_archive(world.path, commit, into, limit=MIB)
    assert into.stat().st_size > 200_000


def test_a_file_that_is_there_is_not_touched(world: World) -> None:
    into = world.folder / "precious"
    into.write_text("mine")
    head = world.repository.git("rev-parse", "HEAD")
    with pytest.raises(FileExistsError):
        world.forge().download_archive(world.path, head, into, limit=MIB)
    assert into.read_text() == "mine"


@pytest.mark.parametrize(
    "broken", [Reply(200, body=b"<html>sign in</html>"), Reply(200, body=b"")]
)
def test_what_is_no_archive_is_not_taken_for_one(world: World, broken: Reply) -> None:
    world.fake.fail(path="tar.gz", times=9, change=lambda _: broken)
    into = world.folder / "a.tar.gz"
    head = world.repository.git("rev-parse", "HEAD")
    with pytest.raises(ArchiveUnavailableError, match="is no archive"):
        world.forge().download_archive(world.path, head, into, limit=MIB)
    assert not into.exists()


def test_a_refused_archive_says_so_and_leaves_the_clone(world: World) -> None:
    head = world.repository.git("rev-parse", "HEAD")
    world.fake.fail(403, path="tar.gz", times=99)
    world.fake.fail(403, path="tarball", times=99)
    with pytest.raises(ArchiveUnavailableError, match="forbids it") as told:
        world.forge().download_archive(world.path, head, world.folder / "a", limit=MIB)
    assert told.value.__context__ is None
    assert world.slug(head) in str(told.value)


def test_a_comparison_counts_and_links(world: World) -> None:
    old = world.repository.git("rev-parse", "HEAD")
    for number in range(12):
        new = world.repository.commit({"n": str(number)})
    found = world.forge().compare(world.path, old, new)
    assert found.ahead == 12
    assert found.url.startswith(f"{world.fake.url}/{world.path}/")
    assert old in found.url
    assert new in found.url
    assert world.forge().compare(world.path, new, new).ahead == 0
    assert world.forge().compare(world.path, "0" * 40, new).ahead is None


@pytest.mark.parametrize("private", [False, True])
def test_git_itself_clones_with_the_access(world: World, private: bool) -> None:
    path = "acme/cloned"
    git = world.fake.add(path, world.folder / "c", private=private)
    commit = git.commit({"a": "1"})
    assert commit in list_refs(world.forge().clone_access(path), world.folder)
    stranger = world.forge(token=None if private else OTHER_TOKEN)
    listed = list_refs(stranger.clone_access(path), world.folder)
    assert (commit in listed) is not private


def list_refs(access: CloneAccess, folder: Path) -> str:
    askpass = folder / "askpass"
    password = access.password.reveal() if access.password else ""
    askpass.write_text(
        f'#!/bin/sh\ncase "$1" in User*) echo {access.username};; *) echo {password};; esac\n'
    )
    askpass.chmod(0o700)
    done = subprocess.run(
        ["git", "ls-remote", access.url],
        env={
            "PATH": os.environ["PATH"],
            "GIT_ASKPASS": str(askpass),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_many_at_once_share_a_few_connections(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By itself httpx closes what was idle for five seconds, as after a stall.
    kept = partial(httpx.Client, limits=httpx.Limits(keepalive_expiry=None))
    monkeypatch.setattr(httpx, "Client", kept)
    head = world.repository.git("rev-parse", "HEAD")
    for number in range(6):
        world.repository.branch(f"b{number}")
    forge = world.forge(connections=4)
    with ThreadPoolExecutor(12) as pool:
        found = list(
            pool.map(lambda n: forge.find_commit(world.path, f"b{n % 6}"), range(36))
        )
    assert [(f.commit, f.ref) for f in found] == [
        (head, f"b{n % 6}") for n in range(36)
    ]
    assert world.fake.connections <= 4


def test_archives_at_once_are_each_whole(world: World) -> None:
    commits = [world.repository.commit({"n": str(n) * 1000}) for n in range(8)]
    forge = world.forge()

    def size(commit: str) -> bytes:
        into = world.folder / f"{commit}.tar.gz"
        forge.download_archive(world.path, commit, into, limit=MIB)
        with tarfile.open(fileobj=io.BytesIO(into.read_bytes())) as archive:
            name = next(m for m in archive.getnames() if m.endswith("/n"))
            member = archive.extractfile(name)
            assert member is not None
            return member.read()[:1]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(size, commits)) == [str(n).encode() for n in range(8)]
