"""What the cache holds is believed only as far as git's ids prove it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archives import file, packed
from book_forge import BookForge, Repositories, names

from karst.config.slug import parse_slug
from karst.effects.clock import Clock
from karst.errors import ConfigError, FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.cache_notes import Notes, parse_notes
from karst.fetch.deadline import Deadline
from karst.fetch.remote_source import RemoteSource
from karst.fetch.revision import Revision
from karst.fetch.tree import object_id
from karst.fetch.unpack import unpack

pytestmark = pytest.mark.processes
SLUG = parse_slug("gh:o/r")


@pytest.fixture
def warm(repositories: Repositories, source: RemoteSource, tmp_path: Path) -> Revision:
    repositories.make("o/r", {"main.py": "print(1)\n" * 100})
    revision = source.resolve(SLUG)
    source.fetch(revision, tmp_path / "warm")
    return revision


def entry(cache: CheckoutCache, revision: Revision, ending: str = ".tar.gz") -> Path:
    return cache.folder / "v1" / "commits" / f"{revision.commit}{ending}"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def swap(path: Path) -> None:
    path.write_bytes(packed([file(b"top/main.py", b"evil\n")]).getvalue())


def add_to(path: Path) -> None:
    honest = file(b"top/main.py", b"print(1)\n" * 100)
    path.write_bytes(packed([honest, file(b"top/more.py", b"evil\n")]).getvalue())


def make_executable(path: Path) -> None:
    body = b"print(1)\n" * 100
    path.write_bytes(packed([file(b"top/main.py", body, mode=0o755)]).getvalue())


def escape(path: Path) -> None:
    path.write_bytes(packed([file(b"top/../../canary", b"evil\n")]).getvalue())


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [cut, flip, swap, add_to, make_executable, escape, link, pipe, empty]
)
def test_a_spoiled_entry_is_fetched_anew(
    forge: BookForge,
    source: RemoteSource,
    cache: CheckoutCache,
    warm: Revision,
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    spoil(entry(cache, warm))
    for name in ("anew", "warm-again"):
        checkout = source.fetch(warm, tmp_path / name)
        assert names(checkout.root) == ["main.py"]
        assert (checkout.root / "main.py").read_text() == "print(1)\n" * 100
    assert forge.calls.count("download_archive") == 2
    assert not (tmp_path / "canary").exists()
    assert not (cache.folder / "v1" / "canary").exists()


@pytest.mark.parametrize("spoil", [cut, swap])
def test_a_spoiled_entry_is_dropped_at_once(
    source: RemoteSource,
    cache: CheckoutCache,
    warm: Revision,
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    spoil(entry(cache, warm))
    with pytest.raises(FetchError, match="is not in the cache"):
        dataclasses.replace(source, offline=True).fetch(warm, tmp_path / "into")
    assert not entry(cache, warm).exists()


def test_an_entry_outlasts_a_checkout_that_is_taken_away_meanwhile(
    source: RemoteSource,
    cache: CheckoutCache,
    warm: Revision,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An interrupted run removes its folders, and a thread of it may still unpack."""
    into, opened = tmp_path / "run" / "into", os.open

    def interrupted(path: str, *words: int, **options: int) -> int:
        if str(path).startswith(f"{into}/"):
            shutil.rmtree(tmp_path / "run")
        return opened(path, *words, **options)

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(FetchError):
        dataclasses.replace(source, offline=True).fetch(warm, into)
    monkeypatch.undo()
    assert entry(cache, warm).exists()


def test_an_entry_that_nothing_proves_stays_for_whoever_knows_its_tree(
    source: RemoteSource, cache: CheckoutCache, warm: Revision, tmp_path: Path
) -> None:
    offline = dataclasses.replace(source, offline=True)
    unknown = dataclasses.replace(warm, tree=None, root_tree=None)
    with pytest.raises(FetchError, match="is not in the cache"):
        offline.fetch(unknown, tmp_path / "1")
    assert names(offline.fetch(warm, tmp_path / "2").root) == ["main.py"]


def test_notes_of_somebody_do_not_outlive_a_fetch(
    forge: BookForge,
    source: RemoteSource,
    cache: CheckoutCache,
    warm: Revision,
    tmp_path: Path,
) -> None:
    entry(cache, warm).unlink()
    planted = Notes("", {"planted": "a" * 40}).render()
    entry(cache, warm, ".json").write_text(planted)
    source.fetch(warm, tmp_path / "1")
    source.fetch(warm, tmp_path / "2")
    assert forge.calls.count("download_archive") == 2


def test_an_honest_entry_proves_it_is_used(
    forge: BookForge, source: RemoteSource, warm: Revision, tmp_path: Path
) -> None:
    source.fetch(warm, tmp_path / "again")
    assert forge.calls.count("download_archive") == 1


@pytest.mark.parametrize("part", ["", "v1", "v1/commits", "v1/drafts", "v1/locks"])
def test_a_folder_that_is_a_link_is_no_cache(
    source: RemoteSource,
    cache: CheckoutCache,
    warm: Revision,
    tmp_path: Path,
    part: str,
) -> None:
    entry(cache, warm).unlink()
    shutil.rmtree(cache.folder / part)
    (tmp_path / "victim").mkdir()
    (cache.folder / part).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="is a link or a file"):
        source.fetch(warm, tmp_path / "into")
    assert list((tmp_path / "victim").iterdir()) == []


def test_notes_of_another_commit_prove_nothing(
    repositories: Repositories,
    forge: BookForge,
    source: RemoteSource,
    cache: CheckoutCache,
    tmp_path: Path,
) -> None:
    forge.knows_trees = False
    repositories.make("o/r", {"main.py": "first\n"})
    first = source.resolve(SLUG)
    source.fetch(first, tmp_path / "1")
    repositories.commit("o/r", {"main.py": "second\n"})
    second = source.resolve(SLUG)
    source.fetch(second, tmp_path / "2")
    for ending in (".tar.gz", ".json"):
        shutil.copy(entry(cache, first, ending), entry(cache, second, ending))
    checkout = source.fetch(second, tmp_path / "3")
    assert (checkout.root / "main.py").read_text() == "second\n"
    # The archive alone is another's: the notes are honest and show it.
    shutil.copy(entry(cache, first), entry(cache, second))
    checkout = source.fetch(second, tmp_path / "4")
    assert (checkout.root / "main.py").read_text() == "second\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"commit": 1, "submodules": {}}',
        b'{"commit": "", "submodules": []}',
        b'{"commit": "", "submodules": {"a": "x"}}',
        b'{"commit": "", "submodules": {"a": 1}}',
        b"[" * 100_000,
    ],
)
def test_odd_notes_are_none(raw: bytes) -> None:
    assert parse_notes(raw) == Notes()


def test_notes_come_back_as_they_were() -> None:
    notes = Notes("tree x\n\u00e9", {"a/b": "c" * 40})
    assert parse_notes(notes.render().encode()) == notes


def test_only_the_commit_s_own_object_names_its_tree() -> None:
    text = f"tree {'a' * 40}\nauthor n\n\nmessage\n"
    commit = object_id(b"commit", text.encode())
    assert Notes(text).tree_of(commit) == "a" * 40
    assert Notes(text).tree_of("b" * 40) is None
    assert Notes(text + "x").tree_of(commit) is None
    odd = f"parent {'a' * 40}\n"
    assert Notes(odd).tree_of(object_id(b"commit", odd.encode())) is None
    assert not Notes()
    assert json.loads(Notes().render()) == {"commit": "", "submodules": {}}


def test_what_was_used_longest_ago_goes_first(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    body = os.urandom(40_000)
    revisions = {}
    for name in ("a", "b", "c"):
        repositories.make(f"o/{name}", {"x": body, "name": name})
        revisions[name] = source.resolve(parse_slug(f"gh:o/{name}"))
    small = CheckoutCache(tmp_path / "small", size=100_000)
    source = dataclasses.replace(source, cache=small)

    def held() -> set[str]:
        commits = {r.commit: name for name, r in revisions.items()}
        return {commits[p.name[:40]] for p in (small.folder / "v1/commits").iterdir()}

    for age, name in enumerate(("a", "b")):
        source.fetch(revisions[name], tmp_path / name)
        os.utime(entry(small, revisions[name]), (age, age))
    assert held() == {"a", "b"}
    # Used now, so `b` is the one that was used longest ago.
    source.fetch(revisions["a"], tmp_path / "a-again")
    source.fetch(revisions["c"], tmp_path / "c")
    assert held() == {"a", "c"}
    assert forge.calls.count("download_archive") == 3


def test_an_entry_and_its_notes_go_together(
    repositories: Repositories, forge: BookForge, source: RemoteSource, tmp_path: Path
) -> None:
    forge.knows_trees = False
    tiny = CheckoutCache(tmp_path / "tiny", size=1)
    source = dataclasses.replace(source, cache=tiny)
    repositories.make("o/r", {"main.py": "x"})
    checkout = source.fetch(source.resolve(SLUG), tmp_path / "into")
    assert names(checkout.root) == ["main.py"]
    assert list((tiny.folder / "v1/commits").iterdir()) == []


def test_a_full_cache_is_looked_through_once_and_not_for_each_entry(
    repositories: Repositories,
    source: RemoteSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[object] = []
    scan = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda place: looked.append(place) or scan(place)
    )
    for number in range(5):
        repositories.make(f"o/{number}", {"x": str(number)})
        slug = parse_slug(f"gh:o/{number}")
        source.fetch(source.resolve(slug), tmp_path / f"into{number}")
    assert len([place for place in looked if str(place).endswith("commits")]) == 1


def test_drafts_of_the_dead_are_swept(
    source: RemoteSource, cache: CheckoutCache, warm: Revision, tmp_path: Path
) -> None:
    drafts = cache.folder / "v1" / "drafts"
    for name, age in (("old", 90_000), ("new", 0)):
        (drafts / name).mkdir()
        (drafts / name / "archive.tar.gz").write_text("half")
        if age:
            os.utime(drafts / name, (1, 1))
    entry(cache, warm).unlink()
    next_job = dataclasses.replace(source, cache=CheckoutCache(cache.folder))
    next_job.fetch(warm, tmp_path / "into")
    assert [place.name for place in drafts.iterdir()] == ["new"]


def test_notes_that_nobody_finished_keep_nothing_from_being_trimmed(
    repositories: Repositories, source: RemoteSource, tmp_path: Path
) -> None:
    """Killed, or still at it: both look the same, but for their age."""
    tiny = CheckoutCache(tmp_path / "tiny", size=1)
    commits = tiny.folder / "v1" / "commits"
    commits.mkdir(parents=True)
    for name, age in (("old", 1), ("new", 0)):
        (commits / f".{name}.json.0123.new").write_text("half")
        if age:
            os.utime(commits / f".{name}.json.0123.new", (1, 1))
    repositories.make("o/r", {"main.py": "x"})
    source = dataclasses.replace(source, cache=tiny)
    checkout = source.fetch(source.resolve(SLUG), tmp_path / "into")
    assert names(checkout.root) == ["main.py"]
    assert [path.name for path in commits.iterdir()] == [".new.json.0123.new"]


def test_who_waited_for_another_job_in_vain_has_time_to_fetch(
    source: RemoteSource,
    repositories: Repositories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other one may be stopped by Ctrl-Z, and hold its claim for hours."""

    class Watch(Clock):
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    @contextlib.contextmanager
    def claim(self: CheckoutCache, commit: str, seconds: float) -> Iterator[None]:
        watch.seconds += seconds
        yield

    watch = Watch()
    monkeypatch.setattr(CheckoutCache, "claim", claim)
    repositories.make("o/r", {"main.py": "x"})
    source = dataclasses.replace(source, deadline=Deadline(1200, watch))
    checkout = source.fetch(source.resolve(SLUG), tmp_path / "into")
    assert names(checkout.root) == ["main.py"]
    assert watch.seconds > 0


def test_two_jobs_fetch_a_commit_once(
    forge: BookForge,
    source: RemoteSource,
    cache: CheckoutCache,
    repositories: Repositories,
    tmp_path: Path,
) -> None:
    repositories.make("o/r", {"main.py": "x"})
    revision = source.resolve(SLUG)
    ready = threading.Barrier(6)
    faults: list[BaseException] = []

    def job(number: int) -> None:
        # Each its own cache object: the lock is the kernel's, as between processes.
        own = dataclasses.replace(source, cache=CheckoutCache(cache.folder))
        try:
            ready.wait()
            own.fetch(revision, tmp_path / f"job{number}")
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=job, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert forge.calls.count("download_archive") == 1


JOB = """
import sys
from pathlib import Path
from karst.fetch.cache import CheckoutCache
from karst.fetch.cache_notes import Notes
import shutil

folder, archives, out, number = map(Path, sys.argv[1:])
cache = CheckoutCache(folder, size=60_000)
for turn in range(12):
    for archive in sorted(archives.iterdir()):
        commit, tree = archive.name.split(".")[0].split("-")
        into = out / f"{number}-{turn}-{commit}"
        with cache.claim(commit, 30):
            found = cache.take(commit, tree, into, where="x")
            if not found:
                with cache.draft() as draft:
                    shutil.copy(archive, draft / "a")
                    cache.keep(commit, draft / "a", Notes())
            else:
                assert found.root_tree() == tree
print("well")
"""


def test_processes_share_a_cache_that_is_too_small_for_them(tmp_path: Path) -> None:
    archives, out = tmp_path / "archives", tmp_path / "out"
    archives.mkdir()
    out.mkdir()
    for number in range(4):
        archive = packed([file(b"top/x", os.urandom(20_000))])
        tree = unpack(archive, tmp_path / f"t{number}", where="x").root_tree()
        name = f"{str(number) * 40}-{tree}.tar.gz"
        (archives / name).write_bytes(archive.getvalue())
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", JOB, tmp_path / "cache", archives, out, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for job in jobs:
        told, fault = job.communicate(timeout=400)
        assert (told.strip(), job.returncode) == ("well", 0), fault
    commits = tmp_path / "cache/v1/commits"
    # Each counts what it added itself, so together they may be a little over.
    assert sum(path.stat().st_size for path in commits.iterdir()) < 4 * 60_000
    last = CheckoutCache(tmp_path / "cache", size=60_000)
    with last.draft() as draft:
        shutil.copy(next(archives.iterdir()), draft / "a")
        last.keep("f" * 40, draft / "a", Notes())
    assert sum(path.stat().st_size for path in commits.iterdir()) <= 60_000
    assert (commits / f"{'f' * 40}.tar.gz").exists()
    assert list((tmp_path / "cache/v1/drafts").iterdir()) == []
