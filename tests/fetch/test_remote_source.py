"""A forge's repositories become checkouts that git's own ids prove, by any way."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest
from book_forge import BookForge, Repositories, names
from git_server import GitServer, run_git

from karst.config.slug import parse_slug
from karst.errors import FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.deadline import Deadline
from karst.fetch.remote import RemoteCommit
from karst.fetch.remote_source import RemoteSource
from karst.fetch.revision import Checkout, Revision, RevisionGoneError, Source
from karst.fetch.unpack_limits import Limits

pytestmark = pytest.mark.processes

FILES: dict[str, str | bytes] = {
    "main.py": "print(1)\n",
    "run.sh": "#!/bin/sh\n",
    "pkg/mod.py": "",
    "pkg/up": "-> mod.py",
    ".env": "TOKEN=x\n",
    "secrets/ca.key": "key",
    "pkg/secrets/__init__.py": "",
}
SLUG = parse_slug("gh:o/r")


def take(
    source: RemoteSource, into: Path, slug: str = "gh:o/r", path: str = ""
) -> Checkout:
    return source.fetch(source.resolve(parse_slug(slug), path), into)


def test_it_is_a_source(source: RemoteSource) -> None:
    found: Source = source
    assert found


def test_a_commit_comes_by_archive_and_then_from_the_cache(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    commit = repositories.make("o/r", FILES)
    revision = source.resolve(SLUG)
    tree = repositories.tree("o/r")
    assert revision == Revision(SLUG, "", commit, tree, tree, "o/r")
    for name in ("first", "second"):
        checkout = source.fetch(revision, tmp_path / name)
        assert checkout == Checkout(tmp_path / name, tree, commit, tree)
        assert names(checkout.root) == [
            "main.py",
            "pkg/mod.py",
            "pkg/secrets/__init__.py",
            "pkg/up",
            "run.sh",
        ]
        assert (checkout.root / "main.py").read_text() == "print(1)\n"
        assert stat.S_IMODE((checkout.root / "run.sh").stat().st_mode) == 0o755
        assert stat.S_IMODE((checkout.root / "main.py").stat().st_mode) == 0o644
        assert not (checkout.root / "secrets").exists()
    assert forge.calls == ["find_commit", "download_archive"]


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_modes_are_git_s_own_whatever_the_umask(
    repositories: Repositories, source: RemoteSource, tmp_path: Path, mask: int
) -> None:
    repositories.make("o/r", FILES)
    revision = source.resolve(SLUG)
    before = os.umask(mask)
    try:
        root = source.fetch(revision, tmp_path / "tree").root
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.lstat().st_mode) for p in (root, root / "pkg")} == {0o755}
    assert stat.S_IMODE((root / "main.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o755


def test_nothing_but_the_entry_stays_in_the_cache(
    repositories: Repositories,
    source: RemoteSource,
    cache: CheckoutCache,
    tmp_path: Path,
) -> None:
    commit = repositories.make("o/r", FILES)
    take(source, tmp_path / "into")
    held = [name for name in names(cache.folder) if not name.startswith("v1/locks/")]
    assert held == [f"v1/commits/{commit}.tar.gz"]
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert list((cache.folder / "v1/drafts").iterdir()) == []


def test_the_cache_can_be_moved(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    cache: CheckoutCache,
    tmp_path: Path,
) -> None:
    repositories.make("o/r", FILES)
    take(source, tmp_path / "1")
    cache.folder.rename(tmp_path / "moved")
    other = dataclasses.replace(source, cache=CheckoutCache(tmp_path / "moved"))
    take(other, tmp_path / "2")
    assert forge.calls.count("download_archive") == 1


@pytest.mark.parametrize(
    "attributes",
    [
        "main.py export-ignore\n",
        "pkg export-ignore\n",
        "*.py export-subst\n",
        "[attr]gone export-ignore\nmain.py gone\n",
    ],
)
def test_an_archive_that_is_not_the_commit_is_replaced_by_a_clone(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    tmp_path: Path,
    attributes: str,
) -> None:
    text = "# $Format:%H$ $Id$\n"
    repositories.make("o/r", {**FILES, "main.py": text, ".gitattributes": attributes})
    checkout = take(source, tmp_path / "into")
    assert checkout.tree == repositories.tree("o/r")
    assert (checkout.root / "main.py").read_text() == text
    assert (checkout.root / "pkg/mod.py").exists()
    take(source, tmp_path / "again")
    first = ["find_commit", "download_archive", "clone_access"]
    assert forge.calls == [*first, "find_commit"]


def test_no_attribute_changes_what_a_clone_gives(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    forge.archives = False
    raw = b"one\n$Id$\r\ntwo\n"
    repositories.make("o/r", {"a.txt": raw, "b.txt": b"plain", "c.txt": raw})
    attributes = (
        "*.txt text eol=crlf ident\nb.txt working-tree-encoding=UTF-16\n"
        "c.txt filter=evil\n"
    )
    folder = repositories.folder("o/r")
    (folder / ".gitattributes").write_text(attributes)
    run_git(folder, "add", ".gitattributes")
    run_git(folder, "commit", "-q", "-m", "attributes")
    checkout = take(source, tmp_path / "into")
    assert checkout.tree == repositories.tree("o/r")
    assert (checkout.root / "a.txt").read_bytes() == raw
    assert (checkout.root / "b.txt").read_bytes() == b"plain"
    assert (checkout.root / "c.txt").read_bytes() == raw


def test_without_archives_there_is_the_clone(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    forge.archives = False
    commit = repositories.make("o/r", FILES)
    repositories.commit("o/r", {"later.py": ""})
    checkout = take(source, tmp_path / "into", f"gh:o/r#{commit}")
    assert checkout.commit == commit
    assert checkout.tree == repositories.tree("o/r", commit)
    assert "main.py" in names(checkout.root)
    assert "later.py" not in names(checkout.root)


def test_a_tree_that_nobody_tells_comes_from_the_commit_itself(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    forge.knows_trees = False
    repositories.make("o/r", FILES)
    revision = source.resolve(SLUG)
    assert (revision.tree, revision.root_tree) == (None, None)
    tree = repositories.tree("o/r")
    for name in ("cloned", "cached"):
        checkout = source.fetch(revision, tmp_path / name)
        assert (checkout.tree, checkout.root_tree) == (tree, tree)
    # An archive that nothing can prove is not asked for; the cache proves itself.
    assert forge.calls == ["find_commit", "clone_access"]


def test_a_commit_object_in_another_encoding_proves_nothing(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    forge.knows_trees = False
    repositories.make("o/r", FILES)
    folder = repositories.folder("o/r")
    (folder / "message").write_bytes("caf\u00e9".encode("latin-1"))
    run_git(folder, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q",
            "--allow-empty", "-F", "message")  # fmt: skip
    for name in ("1", "2"):
        checkout = take(source, tmp_path / name)
        assert checkout.root_tree == repositories.tree("o/r")
    assert forge.calls.count("clone_access") == 2


def test_a_lock_s_tree_is_held_against_the_commit(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    commit = repositories.make("o/r", FILES)
    wrong = Revision(SLUG, "", commit, "a" * 40, "a" * 40)
    for _ in range(2):
        with pytest.raises(
            RevisionGoneError, match=r"holds tree [0-9a-f]{12}, not aaaaaaaaa"
        ):
            source.fetch(wrong, tmp_path / "into")
        assert not (tmp_path / "into").exists()
    inner = Revision(SLUG, "pkg", commit, "b" * 40, repositories.tree("o/r"))
    with pytest.raises(FetchError, match=r"folder 'pkg' .* not bbbbbbbbbbbb"):
        source.fetch(inner, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_a_locked_commit_needs_no_word_of_the_forge(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    commit, tree = repositories.make("o/r", FILES), repositories.tree("o/r")
    take(source, tmp_path / "warm")
    forge.calls.clear()
    offline = dataclasses.replace(source, offline=True)
    checkout = offline.fetch(Revision(SLUG, "", commit, tree, tree), tmp_path / "into")
    assert checkout.tree == tree
    assert forge.calls == []
    with pytest.raises(FetchError, match="nothing says which commit this is"):
        offline.resolve(SLUG)
    with pytest.raises(FetchError, match="is not in the cache, and no forge may be"):
        offline.fetch(Revision(SLUG, "", "c" * 40, tree, tree), tmp_path / "other")
    assert forge.calls == []


@pytest.mark.parametrize(
    "commit",
    ["", "main", "../../x", "-x", "a" * 39, "A" * 40, "a" * 64, "a" * 40 + "\n"],
)
def test_only_full_ids_are_fetched(
    source: RemoteSource, tmp_path: Path, commit: str
) -> None:
    with pytest.raises(FetchError, match="no full commit or tree id"):
        source.fetch(Revision(SLUG, "", commit, None), tmp_path / "into")
    with pytest.raises(FetchError, match="no full commit or tree id"):
        source.fetch(
            Revision(SLUG, "", "a" * 40, None, commit or "x"), tmp_path / "into"
        )


def test_a_forge_s_answer_is_checked(
    forge: BookForge, source: RemoteSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(*_: object) -> RemoteCommit:
        return RemoteCommit("o/r", "../../etc", None, "main")

    monkeypatch.setattr(forge, "find_commit", lie)
    with pytest.raises(FetchError, match="BookForge's answer holds no full commit"):
        source.resolve(SLUG)


def test_a_renamed_repository_is_asked_for_by_its_present_name(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("new/name", FILES)
    forge.renamed["o/r"] = "new/name"
    checkout = take(source, tmp_path / "1")
    assert checkout.tree == repositories.tree("new/name")
    forge.archives = False
    repositories.commit("new/name", {"more.py": ""})
    assert "more.py" in names(take(source, tmp_path / "2").root)


# --- a folder of a repository ---------------------------------------------------------

MONOREPO: dict[str, str | bytes] = {
    "services/api/main.py": "print(2)\n",
    "services/api/.env": "X=1\n",
    "services/api/link": "-> lib/x.py",
    "services/api/lib/x.py": "",
    "services/web/main.py": "",
    "elsewhere/absolute": "-> /etc/passwd",
}


@pytest.mark.parametrize("archives", [True, False])
def test_a_folder_is_a_checkout_of_its_own(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    tmp_path: Path,
    archives: bool,
) -> None:
    forge.archives = archives
    commit = repositories.make("o/r", MONOREPO)
    for name in ("cold", "warm"):
        checkout = take(source, tmp_path / name, path="services//api/.")
        assert names(checkout.root) == ["lib/x.py", "link", "main.py"]
        assert checkout == Checkout(
            tmp_path / name,
            repositories.tree("o/r", path="services/api"),
            commit,
            repositories.tree("o/r"),
        )


def test_two_folders_of_one_commit_are_fetched_once(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("o/r", MONOREPO)
    take(source, tmp_path / "1", path="services/api")
    take(source, tmp_path / "2", path="services/web")
    assert forge.calls.count("download_archive") == 1


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("-> ../web/main.py", "'out' leads out of the folder, to '../web/main.py'"),
        ("-> /etc/passwd", "'out' leads out of the folder, to '/etc/passwd'"),
        ("-> ../api/main.py", "'out' leads out of the folder, to '../api/main.py'"),
    ],
)
def test_a_link_that_leaves_the_folder_is_refused(
    repositories: Repositories,
    source: RemoteSource,
    tmp_path: Path,
    link: str,
    sentence: str,
) -> None:
    repositories.make("o/r", {**MONOREPO, "services/api/out": link})
    with pytest.raises(FetchError, match=sentence):
        take(source, tmp_path / "into", path="services/api")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("path", ["services/apis", "services/api/main.py", "SERVICES"])
def test_a_folder_that_is_not_there_is_a_sentence(
    repositories: Repositories, source: RemoteSource, tmp_path: Path, path: str
) -> None:
    repositories.make("o/r", MONOREPO)
    with pytest.raises(FetchError, match=f"there is no folder '{path}' in commit"):
        take(source, tmp_path / "into", path=path)
    assert not (tmp_path / "into").exists()


def test_a_path_that_leads_out_is_refused(source: RemoteSource, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="leads out of the repository"):
        source.resolve(SLUG, "../x")
    with pytest.raises(FetchError, match="leads out of the repository"):
        source.fetch(Revision(SLUG, "a/../../x", "a" * 40, None), tmp_path / "into")


def test_an_empty_commit_is_a_sentence(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("o/r", {})
    with pytest.raises(FetchError, match=r"commit [0-9a-f]{12} holds no files"):
        take(source, tmp_path / "into")


# --- time, size, and what is told -----------------------------------------------------


def test_what_is_tried_is_told(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    told: list[str] = []
    loud = dataclasses.replace(
        source, tell=lambda slug, step: told.append(f"{slug} {step}")
    )
    repositories.make("o/r", {**FILES, ".gitattributes": "main.py export-ignore\n"})
    take(loud, tmp_path / "1")
    take(loud, tmp_path / "2")
    assert told == ["gh:o/r archive", "gh:o/r clone", "gh:o/r cache"]


def test_nothing_is_begun_when_the_time_is_over(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    repositories.make("o/r", FILES)
    revision = source.resolve(SLUG)
    late = dataclasses.replace(source, deadline=Deadline(0))
    with pytest.raises(FetchError, match="fetching took longer than 0 s"):
        late.resolve(SLUG)
    with pytest.raises(FetchError, match="fetching took longer than 0 s"):
        late.fetch(revision, tmp_path / "into")
    assert forge.calls == ["find_commit"]


def test_too_much_is_refused_by_archive_and_by_clone(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    tmp_path: Path,
) -> None:
    small = dataclasses.replace(source, limits=Limits(files=4))
    repositories.make("o/r", FILES)
    for forge.archives in (True, False):
        with pytest.raises(FetchError, match="holds more than 4 files"):
            take(small, tmp_path / "into")
        assert not (tmp_path / "into").exists()
    light = dataclasses.replace(source, limits=Limits(size=4))
    with pytest.raises(FetchError, match="files are more than 0 MiB"):
        take(light, tmp_path / "into")
    assert server.seen
