"""Fetching: each slug resolved once, pins kept to, failures and moves told together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from karst.config.slug import Slug, parse_slug
from karst.config.spec import ServiceSpec
from karst.effects.clock import Clock
from karst.errors import FetchError, KarstError, LockError
from karst.fetch.deadline import Deadline
from karst.fetch.lock import LockEntry, RepoLock
from karst.fetch.remote import CloneAccess, Comparison, RemoteCommit
from karst.fetch.revision import Checkout, Revision, RevisionGoneError
from karst.pipeline.fetching import fetch_all
from karst.pipeline.moving import Moves, ask_moves
from karst.pipeline.pool import AT_ONCE
from karst.pipeline.sources import Remote, RemoteKind, Sources
from karst.report.model import MovedSlug


def commit(number: int) -> str:
    return f"{number:040x}"


@dataclass
class Repositories:
    """A forge and its source: refs that a test moves, and what was asked of them."""

    refs: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, KarstError] = field(default_factory=dict)
    resolved: list[str] = field(default_factory=list)
    fetched: list[Revision] = field(default_factory=list)
    slow: threading.Event | None = None
    comparable: bool = True
    deadline: Deadline = field(default_factory=Deadline)
    name: str = "a forge"

    def resolve(self, slug: Slug, path: str) -> Revision:
        self.resolved.append(str(slug))
        if self.slow:
            self.slow.wait(300)
        if str(slug) in self.refusals:
            raise self.refusals[str(slug)]
        if slug.forge == "file" and slug.ref is None:
            return Revision(slug, path, None, commit(0))
        number = self.refs[str(slug)]
        return Revision(slug, path, commit(number), commit(number + 1), commit(7))

    def fetch(self, revision: Revision, into: Path) -> Checkout:
        if str(revision.slug) in self.refusals:
            raise self.refusals[str(revision.slug)]
        self.fetched.append(revision)
        into.mkdir()
        return Checkout(into, revision.tree or commit(9), revision.commit, commit(7))

    def compare(self, repository: str, old: str, new: str) -> Comparison:
        if not self.comparable:
            raise FetchError("the forge has had enough")
        ahead = int(new, 16) - int(old, 16)
        return Comparison(f"https://forge.example/{repository}", ahead)

    def find_commit(self, repository: str, ref: str | None) -> RemoteCommit:
        raise NotImplementedError

    def download_archive(
        self, repository: str, commit: str, into: Path, *, limit: int
    ) -> None:
        raise NotImplementedError

    def clone_access(self, repository: str) -> CloneAccess:
        raise NotImplementedError

    @property
    def sources(self) -> Sources:
        return Sources(self, self.open)

    def open(self, _: RemoteKind, deadline: Deadline) -> Remote:
        self.deadline = deadline
        return Remote(self, self)


class Told:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        self.lines.append(text)

    def line(self, text: str) -> None:
        self.lines.append(text)


def spec(name: str, slug: str, path: str = "") -> ServiceSpec:
    return ServiceSpec(name, slug=parse_slug(slug), path=path)


def entry(name: str, slug: str, number: int, path: str = "") -> LockEntry:
    return LockEntry(
        name, parse_slug(slug), path, commit(number), commit(7), "run", resolved="t"
    )


def fetch(
    forge: Repositories,
    into: Path,
    *services: ServiceSpec,
    pins: tuple[LockEntry, ...] = (),
    progress: Told | None = None,
    seconds: float = 30,
) -> Mapping[str, Checkout]:
    return fetch_all(
        forge.sources,
        services,
        RepoLock.of(pins),
        into,
        clock=Clock(),
        progress=progress or Told(),
        seconds=seconds,
    )


def test_a_pinned_commit_that_is_gone_is_the_lock_s_fault(tmp_path: Path) -> None:
    gone = RevisionGoneError("there is no commit", where="gh:a/web", remedy="pin anew")
    forge = Repositories(refusals={"gh:a/web": gone})
    pins = (entry("web", "gh:a/web", 5),)
    with pytest.raises(LockError) as told:
        fetch(forge, tmp_path, spec("web", "gh:a/web"), pins=pins)
    assert told.value.exit_code == 27
    assert told.value.remedy == "pin anew (`karst lock --upgrade web`)"
    # Nothing pins it, or it is the forge that does not answer: 12.
    with pytest.raises(FetchError):
        fetch(forge, tmp_path, spec("web", "gh:a/web"))
    forge.refusals["gh:a/web"] = FetchError("no answer")
    with pytest.raises(FetchError):
        fetch(forge, tmp_path, spec("web", "gh:a/web"), pins=pins)


def test_a_slug_of_many_services_is_resolved_once(tmp_path: Path) -> None:
    forge = Repositories({"gh:a/mono#main": 5})
    paths = [f"services/{n}" for n in range(12)]
    found = fetch(
        forge,
        tmp_path,
        *(spec(f"s{n}", "gh:a/mono#main", path) for n, path in enumerate(paths)),
        spec("root", "gh:a/mono#main"),
    )
    assert forge.resolved == ["gh:a/mono#main"]
    assert not forge.deadline.stop.is_set()
    assert {c.commit for c in found.values()} == {commit(5)}
    trees = {r.path: r.tree for r in forge.fetched}
    # The root's own tree is known before its files are, a folder's is not.
    assert trees == {**dict.fromkeys(paths), "": commit(6)}


def test_what_is_pinned_is_not_asked_for(tmp_path: Path) -> None:
    forge = Repositories({"gh:a/free": 5})
    progress = Told()
    found = fetch(
        forge,
        tmp_path,
        spec("web", "gh:a/web#main"),
        spec("free", "gh:a/free"),
        ServiceSpec("db", image="postgres:17"),
        pins=(entry("web", "gh:a/web#main", 3),),
        progress=progress,
    )
    assert forge.resolved == ["gh:a/free"]
    assert {name: c.commit for name, c in found.items()} == {
        "web": commit(3),
        "free": commit(5),
    }
    assert sorted(line.partition(",")[0] for line in progress.lines) == [
        f"free: gh:a/free at {commit(5)[:12]}",
        f"web: gh:a/web#main at {commit(3)[:12]}",
    ]


def test_a_folder_as_it_is_is_never_pinned(tmp_path: Path) -> None:
    forge = Repositories()
    found = fetch(
        forge,
        tmp_path,
        spec("web", "file:./web", "a"),
        pins=(entry("web", "file:./web", 3, "a"),),
    )
    assert found["web"].commit is None


def test_all_failures_are_told_together(tmp_path: Path) -> None:
    forge = Repositories(
        {"gh:a/well": 1},
        {
            "gh:a/gone": FetchError("there is no such repository", where="gh:a/gone"),
            "gl:b/shut": FetchError(
                "the token may not read it", where="gl:b/shut", remedy="give another"
            ),
        },
    )
    with pytest.raises(FetchError) as caught:
        fetch(
            forge,
            tmp_path,
            spec("one", "gh:a/gone", "x"),
            spec("two", "gh:a/gone", "y"),
            spec("well", "gh:a/well"),
            spec("three", "gl:b/shut"),
        )
    assert str(caught.value) == (
        "one, two, three: 3 of 4 services can't be had\n"
        "  -> each is told below\n"
        "  | services 'one', 'two', gh:a/gone: there is no such repository\n"
        "  | service 'three', gl:b/shut: the token may not read it\n"
        "  |   -> give another"
    )
    assert forge.resolved.count("gh:a/gone") == 1


def test_a_single_failure_is_itself(tmp_path: Path) -> None:
    forge = Repositories(refusals={"gh:a/gone": FetchError("gone", remedy="look")})
    with pytest.raises(FetchError) as caught:
        fetch(forge, tmp_path, spec("one", "gh:a/gone"))
    assert str(caught.value) == "service 'one': gone\n  -> look"
    # Nobody waits for what is under way then.
    assert forge.deadline.stop.is_set()


def test_a_fault_of_our_own_is_no_sentence(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        fetch(Repositories(), tmp_path, spec("one", "gh:a/unheard-of"))


def test_a_forge_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    forge = Repositories({"gh:a/slow": 1}, slow=threading.Event())
    assert forge.slow
    try:
        with pytest.raises(FetchError, match=r"not there within 0\.05 s"):
            fetch(forge, tmp_path, spec("one", "gh:a/slow"), seconds=0.05)
    finally:
        forge.slow.set()


def moves(
    forge: Repositories, *pins: LockEntry, patience: float = 300, **also: str
) -> Moves:
    services = [spec(e.service, str(e.slug), e.path) for e in pins]
    services += [spec(name, slug) for name, slug in also.items()]
    return ask_moves(forge.sources, services, RepoLock.of(pins)).finish(patience)


def test_what_has_moved_on_is_told_for_each_service() -> None:
    forge = Repositories({"gh:a/mono#main": 5, "gh:a/still": 2})
    found = moves(
        forge,
        entry("web", "gh:a/mono#main", 3, "web"),
        entry("api", "gh:a/mono#main", 3, "api"),
        entry("still", "gh:a/still", 2),
        unpinned="gh:a/other",
    )
    way = Comparison("https://forge.example/a/mono", 2)
    assert found == Moves(
        (
            MovedSlug("api", "gh:a/mono#main", commit(3), commit(5), way),
            MovedSlug("web", "gh:a/mono#main", commit(3), commit(5), way),
        )
    )
    assert sorted(forge.resolved) == ["gh:a/mono#main", "gh:a/still"]


def test_a_ref_that_is_the_commit_is_not_asked_about() -> None:
    forge = Repositories()
    pinned = commit(0xABCDEF0)
    full, short = f"gh:a/b#{pinned}", "gh:a/c#" + commit(0xABCDEF0 << 132)[:7]
    entries = (
        entry("full", full, 0xABCDEF0),
        entry("short", short, 0xABCDEF0 << 132),
    )
    assert moves(forge, *entries) == Moves()
    assert forge.resolved == []


def test_a_move_without_the_way_is_still_told() -> None:
    forge = Repositories({"gh:a/b": 5}, comparable=False)
    assert moves(forge, entry("b", "gh:a/b", 3)).moved == (
        MovedSlug("b", "gh:a/b", commit(3), commit(5)),
    )


def test_what_can_t_be_told_is_a_note() -> None:
    limit = FetchError("the forge has had enough requests", remedy="wait")
    forge = Repositories({"gh:a/c": 3}, {"gh:a/b": limit, "gh:a/d": limit})
    pins = [entry(name, f"gh:a/{name}", 3) for name in "bcd"]
    assert moves(forge, *pins) == Moves(
        notes=(
            "whether gh:a/b, gh:a/d moved on can't be told: the forge has had enough requests",
        )
    )


def test_a_slow_answer_is_a_note() -> None:
    forge = Repositories({"gh:a/b": 5}, slow=threading.Event())
    assert forge.slow
    try:
        found = moves(forge, entry("b", "gh:a/b", 3), patience=0.05)
    finally:
        forge.slow.set()
    assert found == Moves(
        notes=("whether gh:a/b moved on can't be told: no answer within 0.05 s",)
    )


def test_a_question_that_never_began_is_a_note_as_well() -> None:
    """More pins than are asked about at once, and none of the first is answered."""
    slugs = [f"gh:a/{number:02}" for number in range(AT_ONCE + 1)]
    forge = Repositories(dict.fromkeys(slugs, 5), slow=threading.Event())
    assert forge.slow
    pins = [entry(slug[-2:], slug, 3) for slug in slugs]
    try:
        found = moves(forge, *pins, patience=0.05)
    finally:
        forge.slow.set()
    told = f"whether {', '.join(slugs)} moved on can't be told: no answer within 0.05 s"
    assert found == Moves(notes=(told,))


def test_nothing_pinned_asks_nobody() -> None:
    forge = Repositories()
    assert moves(forge, unpinned="gh:a/other") == Moves()
    assert forge.resolved == []


def test_a_new_run_has_all_of_its_time_again() -> None:
    forge = Repositories()
    sources = forge.sources
    slug = parse_slug("gh:a/b")
    sources.of(slug)
    first = forge.deadline
    sources.of(slug)
    assert forge.deadline is first
    sources.stop()
    assert first.remaining() == 0
    sources.begin()
    sources.of(slug)
    assert forge.deadline is not first
    assert forge.deadline.remaining() > 0
