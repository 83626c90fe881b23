"""repos.lock: one form, read back whole, and a sentence for whatever else it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karst.config.slug import Slug, parse_slug
from karst.config.spec import ServiceSpec
from karst.errors import LockError, UsageError
from karst.fetch.lock import LockedBase, LockEntry, RepoLock, is_pinnable
from karst.fetch.lock_file import lock_path, read_lock, write_lock
from karst.fetch.lock_text import parse_lock, render_lock

TIME = "2026-11-23T02:55:50Z"
COMMIT, TREE, DIGEST = "1" * 36 + "e123", "2" * 40, "sha256:" + "a" * 64
WEB = LockEntry(
    "web",
    parse_slug("gh:acme/web#main"),
    commit=COMMIT,
    tree=TREE,
    entrypoint="python3 -m web",
    base=LockedBase("python:3.12-slim", "3.12", digest=DIGEST),
    resolved=TIME,
)
API = LockEntry(
    "api",
    parse_slug("gl:acme/platform/mono"),
    "services/api",
    commit="3" * 40,
    tree="4" * 40,
    entrypoint="Dockerfile",
    resolved=TIME,
)
DB = LockEntry("db", image="postgres:17", digest=DIGEST, resolved=TIME)
LOCK = RepoLock.of([WEB, API, DB])
TEXT = f"""\
# Written by `karst lock`, for people to read and to commit; edits belong in repos.yaml.
# `karst lock --upgrade [NAME...]` moves it on.
version: 1
services:
  api:
    slug: "gl:acme/platform/mono"
    path: "services/api"
    commit: "{"3" * 40}"
    tree: "{"4" * 40}"
    entrypoint: "Dockerfile"
    resolved: "{TIME}"
  db:
    image: "postgres:17"
    digest: "{DIGEST}"
    resolved: "{TIME}"
  web:
    slug: "gh:acme/web#main"
    commit: "{COMMIT}"
    tree: "{TREE}"
    entrypoint: "python3 -m web"
    base:
      image: "python:3.12-slim"
      python: "3.12"
      digest: "{DIGEST}"
    resolved: "{TIME}"
"""
AGAIN = "take the file as it was committed, or remove it and run `karst lock`"


def refusal(text: str) -> str:
    with pytest.raises(LockError) as caught:
        parse_lock(text, source="repos.lock")
    return str(caught.value)


def test_the_form_of_the_file() -> None:
    assert render_lock(LOCK) == TEXT
    assert parse_lock(TEXT, source="repos.lock") == LOCK


def test_a_lock_of_nothing() -> None:
    assert parse_lock(render_lock(RepoLock()), source="x") == RepoLock()


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(
    entrypoint=_TEXTS.filter(bool),
    path=st.from_regex(r"[^\0/. \ud800-\udfff]{1,20}", fullmatch=True),
    number=st.integers(0, 16**40 - 1),
)
def test_whatever_is_locked_is_read_back(
    entrypoint: str, path: str, number: int
) -> None:
    entry = replace(API, entrypoint=entrypoint, path=path, commit=f"{number:040x}")
    lock = RepoLock((entry,))
    assert parse_lock(render_lock(lock), source="x") == lock


@pytest.mark.parametrize(
    ("old", "new", "told", "remedy"),
    [
        (
            "version: 1",
            "version: 2",
            "repos.lock:3 version: version 2 of the lock is not known here",
            "this karst writes version 1; a newer karst wrote the file: use that one",
        ),
        (
            "version: 1",
            'version: "1"',
            "repos.lock:3 version: version 1 of the lock is not known here",
            "this karst writes version 1",
        ),
        (
            "version: 1\n",
            "",
            "repos.lock:3: the lock does not say its version",
            "this karst writes version 1",
        ),
        (
            "  db:\n",
            "<<<<<<< HEAD\n  db:\n",
            "repos.lock:12: there is a merge conflict in it (`<<<<<<<`)",
            "take either side whole (`git checkout --ours` or `--theirs`), then run `karst lock`",
        ),
        (
            "  web:\n",
            "=======\n  web:\n",
            "repos.lock:16: there is a merge conflict in it (`=======`)",
            "take either side whole (`git checkout --ours` or `--theirs`), then run `karst lock`",
        ),
        (
            f'"{COMMIT}"',
            COMMIT,
            "repos.lock:18 services.web.commit: text is wanted here, in quotes",
            AGAIN,
        ),
        (
            COMMIT,
            COMMIT[:12],
            f"repos.lock:18 services.web.commit: '{COMMIT[:12]}' is no full commit id",
            AGAIN,
        ),
        (
            TREE,
            "HEAD",
            "repos.lock:19 services.web.tree: 'HEAD' is no tree id",
            AGAIN,
        ),
        (
            f'    tree: "{TREE}"\n',
            "",
            "repos.lock:16 services.web: 'tree' is missing",
            AGAIN,
        ),
        (
            "entrypoint: ",
            "entrypiont: ",
            "repos.lock:10 services.api.entrypiont: unknown key",
            AGAIN,
        ),
        (
            "gh:acme/web#main",
            "acme/web",
            "repos.lock:17 services.web.slug: 'acme/web' is no slug",
            "write gh:owner/repo, gl:group/repo, bb:workspace/repo or file:./path, optionally with #branch, #tag or #commit",
        ),
        (
            "gh:acme/web#main",
            "file:./web",
            "repos.lock:17 services.web.slug: 'file:./web' is a folder as it is, which has no commit",
            AGAIN,
        ),
        (
            "services/api",
            "../../etc",
            "repos.lock:7 services.api.path: '../../etc' leads out of the repository",
            AGAIN,
        ),
        (
            "postgres:17",
            "postgres:17 --privileged",
            "repos.lock:13 services.db.image: 'postgres:17 --privileged' is no image",
            AGAIN,
        ),
        (
            f'      digest: "{DIGEST}"\n',
            "",
            "repos.lock:21 services.web.base: a base has either a digest or an id",
            AGAIN,
        ),
        (
            "python:3.12-slim",
            "python:3.12-slim\\nRUN evil",
            "repos.lock:22 services.web.base.image: 'python:3.12-slim\\nRUN evil' is no image",
            AGAIN,
        ),
        (
            TIME,
            "yesterday",
            "repos.lock:11 services.api.resolved: 'yesterday' is no UTC time",
            AGAIN,
        ),
        (
            "  web:\n",
            "  db:\n",
            "repos.lock:16 services.db: this key is written twice",
            "keep one of the two",
        ),
        (
            "  web:\n",
            '  "x\\n  web":\n',
            "repos.lock:16 services.x\\n  web: 'x\\n  web' is no name of a service",
            AGAIN,
        ),
        (
            TEXT,
            "[]",
            "repos.lock:1: keys and values are wanted here",
            AGAIN,
        ),
        (TEXT, "", "repos.lock: the file is empty", AGAIN),
        (
            TEXT,
            "version: [",
            "repos.lock:2: this is neither YAML nor JSON: did not find expected node content",
            "look for a missing colon, quote or bracket, or uneven indentation",
        ),
    ],
)
def test_what_no_lock_says(old: str, new: str, told: str, remedy: str) -> None:
    assert old in TEXT
    assert refusal(TEXT.replace(old, new, 1)) == f"{told}\n  -> {remedy}"


def test_a_service_finds_its_own_entry_first() -> None:
    other = replace(WEB, service="web2", commit="5" * 40)
    lock = RepoLock.of([WEB, other])
    for entry in (WEB, other):
        assert lock.find(ServiceSpec(entry.service, slug=WEB.slug)) == entry


def test_a_new_name_keeps_the_commit() -> None:
    assert LOCK.find(ServiceSpec("site", slug=WEB.slug)) == WEB


@pytest.mark.parametrize(
    "spec",
    [
        ServiceSpec("web", slug=parse_slug("gh:acme/web#v2")),
        ServiceSpec("web", slug=parse_slug("gh:acme/web")),
        ServiceSpec("web", slug=WEB.slug, path="web"),
        ServiceSpec("api", slug=API.slug),
        ServiceSpec("db", image="postgres:18"),
        ServiceSpec("web", image="web"),
    ],
)
def test_another_ref_folder_or_image_is_not_pinned(spec: ServiceSpec) -> None:
    assert LOCK.find(spec) is None


def test_what_is_set_free_takes_its_likes_along() -> None:
    twin = replace(WEB, service="twin")
    assert RepoLock.of([WEB, twin, DB]).without(["web"]) == RepoLock((DB,))


def test_times_stay_where_nothing_changed() -> None:
    later = "2027-01-01T00:00:00Z"
    again = RepoLock.of(
        [replace(WEB, resolved=later), replace(DB, resolved=later, digest="")]
    )
    assert again.kept_from(LOCK) == RepoLock.of(
        [WEB, replace(DB, resolved=later, digest="")]
    )


def test_what_an_entry_fetches() -> None:
    assert WEB.revision.tree == WEB.revision.root_tree == TREE
    # A folder's own tree shows in the files only.
    assert (API.revision.tree, API.revision.root_tree) == (None, "4" * 40)
    assert API.revision.path == "services/api"
    with pytest.raises(ValueError, match="postgres"):
        _ = DB.revision


def test_an_image_runs_by_its_digest_once() -> None:
    assert DB.pinned_image == f"postgres:17@{DIGEST}"
    assert replace(DB, digest="").pinned_image == "postgres:17"
    written = f"postgres:17@{DIGEST}"
    assert replace(DB, image=written).pinned_image == written


def test_only_a_folder_as_it_is_can_not_be_pinned() -> None:
    pinnable = [
        is_pinnable(ServiceSpec("x", slug=slug))
        for slug in (Slug("file", "."), Slug("file", ".", "main"), Slug("gh", "a/b"))
    ]
    assert pinnable == [False, True, True]
    assert is_pinnable(ServiceSpec("x", image="i"))


def test_the_lock_stands_beside_its_list(tmp_path: Path) -> None:
    assert lock_path(Path("a/repos.yaml")) == Path("a/repos.lock")
    assert lock_path(Path("staging.json")) == Path("staging.lock")
    with pytest.raises(UsageError, match="its lock file would be itself"):
        lock_path(tmp_path / "x.lock")


def test_a_lock_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "repos.lock"
    assert read_lock(path) is None
    assert write_lock(path, LOCK)
    before = path.stat().st_ino
    assert not write_lock(path, LOCK)
    assert path.stat().st_ino == before
    assert read_lock(path) == LOCK
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LockError, match="can't be read"):
        read_lock(path)
    assert [p.name for p in tmp_path.iterdir()] == ["repos.lock"]
