"""Git LFS: pointers become the content they stand for, or a sentence."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from book_forge import BookForge, Repositories
from git_server import GitServer, serving

from karst.config.slug import parse_slug
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.pointer import Pointer, copy_content
from karst.fetch.remote_source import RemoteSource
from karst.fetch.revision import Checkout
from karst.fetch.unpack_limits import Limits

pytestmark = pytest.mark.processes
needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is missing")
ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
CONTENT = b"\x00\x01\xff" * 5000


def take(source: RemoteSource, into: Path, path: str = "") -> Checkout:
    return source.fetch(source.resolve(parse_slug("gh:o/r"), path), into)


@pytest.fixture
def model(repositories: Repositories, server: GitServer) -> str:
    """A repository with one LFS file in a folder; its commit."""
    files: dict[str, str | bytes] = {
        ".gitattributes": ATTRIBUTES,
        "app/model.bin": server.store(CONTENT),
        "app/main.py": "x",
        "docs/x": "",
    }
    return repositories.make("o/r", files)


@needs_lfs
@pytest.mark.parametrize("path", ["", "app"])
def test_content_takes_the_pointer_s_place(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    model: str,
    tmp_path: Path,
    path: str,
) -> None:
    for name in ("cold", "warm"):
        checkout = take(source, tmp_path / name, path)
        place = checkout.root / ("model.bin" if path else "app/model.bin")
        assert place.read_bytes() == CONTENT
        assert stat.S_IMODE(place.stat().st_mode) == 0o644
        assert checkout.tree == repositories.tree("o/r", path=path)
    assert [path for _, path, _ in server.seen if path.startswith("/contents")] == [
        f"/contents/{next(iter(server.contents))}"
    ]
    assert forge.calls.count("download_archive") == 1


@needs_lfs
def test_the_token_reaches_the_forge_s_lfs_server_only(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    server: GitServer,
    model: str,
    tmp_path: Path,
) -> None:
    server.token = forge.token = "s3cret"
    (repositories.folder("o/r") / ".lfsconfig").write_text(
        "[lfs]\n\turl = http://127.0.0.1:9/evil\n\tfetchexclude = *\n"
    )
    repositories.commit("o/r", {})
    with serving(repositories.root) as storage:
        storage.contents = server.contents
        server.lfs_to = storage.url
        checkout = take(source, tmp_path / "into")
        assert (checkout.root / "app/model.bin").read_bytes() == CONTENT
        assert storage.passwords() == set()
    batches = [head for _, path, head in server.seen if path.endswith("/objects/batch")]
    assert batches[-1]


@needs_lfs
@pytest.mark.parametrize("fault", ["absent", "other", "longer"])
def test_content_that_is_not_to_be_had_is_a_sentence(
    source: RemoteSource, server: GitServer, model: str, tmp_path: Path, fault: str
) -> None:
    oid = next(iter(server.contents))
    if fault == "absent":
        server.contents.clear()
    else:
        server.contents[oid] = b"x" * 15000 if fault == "other" else CONTENT + b"x"
    with pytest.raises(FetchError, match="does not give 1 of 1 LFS files"):
        take(source, tmp_path / "into")
    assert not (tmp_path / "into").exists()


@needs_lfs
def test_a_killed_git_lfs_is_not_a_server_that_gives_nothing(
    source: RemoteSource, model: str, tmp_path: Path
) -> None:
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(
        '#!/bin/sh\ncase " $* " in *" lfs "*) kill -KILL $$;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    script.chmod(0o755)
    environ = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}
    killed = dataclasses.replace(source, processes=Processes(environ, grace=1.0))
    with pytest.raises(FetchError, match="git was ended") as caught:
        take(killed, tmp_path / "into")
    assert caught.value.remedy == "run it again"


def test_without_git_lfs_it_is_a_sentence(
    source: RemoteSource, model: str, tmp_path: Path
) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("git", "sh", "gzip"):
        (bin_folder / name).symlink_to(str(shutil.which(name)))
    bare = Processes({**os.environ, "PATH": str(bin_folder)})
    with pytest.raises(FetchError, match="1 files are Git LFS pointers") as caught:
        take(dataclasses.replace(source, processes=bare), tmp_path / "into")
    assert "install git-lfs" in caught.value.remedy
    # A folder without such files does not need it.
    take(dataclasses.replace(source, processes=bare), tmp_path / "docs", "docs")


def test_too_much_content_is_refused_by_what_the_pointers_say(
    repositories: Repositories, source: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    pointer = server.store(b"x").replace("size 1", "size 999999999999999")
    repositories.make("o/r", {".gitattributes": ATTRIBUTES, "a.bin": pointer})
    with pytest.raises(FetchError, match="the LFS files are more than 2048 MiB"):
        take(source, tmp_path / "into")


@needs_lfs
def test_content_without_end_is_not_taken(
    source: RemoteSource, server: GitServer, model: str, tmp_path: Path
) -> None:
    """The pointer tells 15 kB; the server sends for as long as somebody listens."""
    server.endless = True
    small = dataclasses.replace(source, limits=Limits(size=1 << 20))
    with pytest.raises(FetchError, match="the LFS files are more than 1 MiB"):
        take(small, tmp_path / "into")
    assert server.gone.wait(60)
    assert not list((source.cache.folder / "v1" / "drafts").iterdir())


@needs_lfs
def test_many_pointers_to_one_content_are_all_filled(
    repositories: Repositories, source: RemoteSource, server: GitServer, tmp_path: Path
) -> None:
    pointer = server.store(CONTENT)
    files: dict[str, str | bytes] = {f"{n}.bin": pointer for n in range(3)}
    repositories.make("o/r", {".gitattributes": ATTRIBUTES, **files})
    checkout = take(source, tmp_path / "into")
    for number in range(3):
        assert (checkout.root / f"{number}.bin").read_bytes() == CONTENT
    held = source.cache.folder / "v1" / "contents"
    assert [path.stat().st_size for path in held.iterdir()] == [len(CONTENT)]


@needs_lfs
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"evil"),
        lambda path: path.write_bytes(b"e" * len(CONTENT)),
        lambda path: path.unlink(),
    ],
)
def test_spoiled_content_in_the_cache_is_fetched_anew(
    source: RemoteSource,
    server: GitServer,
    model: str,
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    take(source, tmp_path / "1")
    spoil(next((source.cache.folder / "v1" / "contents").iterdir()))
    checkout = take(source, tmp_path / "2")
    assert (checkout.root / "app/model.bin").read_bytes() == CONTENT


@needs_lfs
def test_offline_content_comes_from_the_cache_or_is_a_sentence(
    source: RemoteSource, cache: CheckoutCache, model: str, tmp_path: Path
) -> None:
    revision = source.resolve(parse_slug("gh:o/r"))
    source.fetch(revision, tmp_path / "1")
    offline = dataclasses.replace(source, offline=True)
    offline.fetch(revision, tmp_path / "2")
    next((cache.folder / "v1" / "contents").iterdir()).unlink()
    with pytest.raises(FetchError, match="1 LFS files are not in the cache"):
        offline.fetch(revision, tmp_path / "3")


def test_content_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    into, source = tmp_path / "into", tmp_path / "source"
    into.write_text("pointer")
    into.chmod(0o755)
    oid = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    for text, size, well in (
        ("foo", 3, True),
        ("foo", 2, False),
        ("foo", 4, False),
        ("fox", 3, False),
    ):
        into.write_text("pointer")
        source.write_text(text)
        with source.open("rb") as file:
            assert copy_content(Pointer(oid, size), file, into) == well
        assert into.read_text() == ("foo" if well else "pointer")
        assert stat.S_IMODE(into.stat().st_mode) == 0o755
        assert sorted(p.name for p in tmp_path.iterdir()) == ["into", "source"]
