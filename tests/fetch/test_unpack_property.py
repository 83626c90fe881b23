"""Thousands of hostile archives: none writes anything outside of its folder."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections import Counter
from pathlib import Path

from archives import END, file, gnu_long, header, packed, padded, pax, signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from karst.errors import FetchError
from karst.fetch.tree import read_entry, tree_id
from karst.fetch.unpack import unpack
from karst.fetch.unpack_limits import Limits

LIMITS = Limits(size=4096, files=12, ratio=50, ratio_from=1 << 16, depth=5, path=300)

# `@` stands for the sandbox's own path: an absolute name that would hit a canary.
_PART = st.sampled_from(
    [
        "a", "b", "c", "a", "b", "A", "..", "..", ".", "", "canary", "into", "inner",
        "top", ".git", "caf\u00e9", "cafe\u0301", "\udcff", "-rf", "a\\b", "a\nb",
        "n" * 120, ".env", "x" * 256, "\0",
    ]
)  # fmt: skip
_PLAIN = st.lists(_PART, min_size=1, max_size=5).map("/".join)
_NAME = st.builds(
    lambda start, rest: start + rest,
    st.sampled_from(["top/"] * 12 + ["top/a/"] * 4 + ["", "/", "../", "@/", "top/../"]),
    st.one_of(st.sampled_from(["a", "b", "a/b", "b/a", "c/b/a"]), _PLAIN),
)
_TARGET = st.one_of(
    st.sampled_from(["a", "b", "a/b", "..", "../a", "b/..", "a/../..", "@/canary"]),
    st.builds(
        lambda start, rest: start + rest,
        st.sampled_from(["", "../", "/", "@/"]),
        _PLAIN,
    ),
)
_KIND = st.sampled_from([b"0"] * 6 + [b"2"] * 5 + [b"5"] * 3 + [b"\0", b"1"] + [
    b"3", b"4", b"6", b"7", b"S", b"x", b"g", b"L", b"K", b"Z", b"\xff"
])  # fmt: skip
_BODY = st.one_of(st.binary(max_size=40), st.sampled_from([b"", bytes(600)]))
_MAGIC = st.sampled_from([b"ustar\x0000"] * 9 + [b"ustar  \0", bytes(8)])
_KEY = st.sampled_from(
    [b"path", b"path", b"linkpath", b"size", b"comment", b"GNU.sparse.name", b"mode"]
)
# Where a header is damaged: anywhere, or in a field that matters.
_DENT = st.tuples(
    st.one_of(st.integers(0, 511), st.sampled_from([100, 124, 135, 156, 157, 345])),
    st.binary(min_size=1, max_size=12),
    st.booleans(),
)
_MEMBER = st.fixed_dictionaries(
    {
        "name": _NAME,
        "target": _TARGET,
        "kind": _KIND,
        "body": _BODY,
        "mode": st.sampled_from([0o644, 0o755, 0o7777, 0o4755, 0]),
        "magic": _MAGIC,
        "long": st.sampled_from(["no"] * 6 + ["pax", "gnu", "both", "global"]),
        "extra": st.lists(st.tuples(_KEY, _NAME), max_size=1),
        "lie": st.one_of(st.none(), st.none(), st.none(), st.integers(0, 2000)),
        "dent": st.one_of(st.none(), st.none(), st.none(), st.none(), _DENT),
    }
)
# Members with nothing wrong but, perhaps, where links lead and which names meet.
_MILD = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["a", "b", "c", "d/a", "d/b", "d/e/a", "a/b", "b/c"]
        ).map(lambda name: f"top/{name}"),
        "target": st.sampled_from(["a", "b", "d", "../a", "../d/b", "..", "d/e/../.."]),
        "kind": st.sampled_from([b"0", b"0", b"0", b"2", b"5"]),
        "body": _BODY,
        "mode": st.sampled_from([0o644, 0o755, 0o7777]),
        "magic": st.just(b"ustar\x0000"),
        "long": st.sampled_from(["no", "no", "pax", "gnu", "global"]),
        "extra": st.just([]),
        "lie": st.none(),
        "dent": st.none(),
    }
)
_ENDS = st.sampled_from([END] * 12 + [b"", bytes(512), END + b"x", bytes(10240)])
_CUTS = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 400))


def raw(text: str, sandbox: Path) -> bytes:
    return text.replace("@", str(sandbox)).encode("utf-8", "surrogateescape")


def build(member: dict[str, object], sandbox: Path) -> bytes:
    name, target = (raw(str(member[key]), sandbox) for key in ("name", "target"))
    kind, body = member["kind"], member["body"]
    assert isinstance(kind, bytes)
    assert isinstance(body, bytes)
    body = body if kind in (b"0", b"\0", b"7", b"x", b"g", b"L", b"K") else b""
    if kind in (b"x", b"g", b"L", b"K") and len(body) % 2:
        body = name
    size = len(body) if member["lie"] is None else member["lie"]
    block = header(
        name,
        kind=kind,
        target=target,
        size=size,  # type: ignore[arg-type]
        mode=member["mode"],  # type: ignore[arg-type]
        magic=member["magic"],  # type: ignore[arg-type]
    )
    if dent := member["dent"]:
        at, what, honest = dent  # type: ignore[misc]
        dented = (block[:at] + what + block[at + len(what) :])[:512]
        block = signed(dented) if honest else dented
    extra = [(key, raw(value, sandbox)) for key, value in member["extra"]]  # type: ignore[attr-defined]
    before = pax(extra) if extra else b""
    long = member["long"]
    if long in ("pax", "both"):
        before += pax([(b"path", name), (b"linkpath", target)])
    if long in ("gnu", "both"):
        before += gnu_long(name) + gnu_long(target, b"K")
    if long == "global":
        before += pax([(b"comment", b"c" * 40)], b"g")
    return before + block + padded(body)


def snapshot(sandbox: Path, into: Path) -> dict[str, tuple[int, bytes]]:
    """All that is in the sandbox, but for the folder itself."""
    found = {}
    for folder, folders, files in os.walk(sandbox):
        for name in [*folders, *files]:
            place = Path(folder) / name
            if place == into:
                folders.remove(name)
                continue
            status = place.lstat()
            content = place.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(place)] = (status.st_mode, content)
    return found


def check_folder(into: Path) -> None:
    """What came out is files, folders and links that stay inside."""
    for folder, folders, files in os.walk(into):
        for name in [*folders, *files]:
            place = Path(folder) / name
            mode = place.lstat().st_mode
            kinds = (stat.S_ISREG(mode), stat.S_ISDIR(mode), stat.S_ISLNK(mode))
            assert any(kinds), place
            assert place.is_symlink() or not mode & 0o7022, oct(mode)
            if place.is_symlink():
                real = os.path.realpath(place)
                assert real == str(into) or real.startswith(f"{into}/"), place
            elif place.is_file():
                assert place.stat().st_nlink == 1


def check_sentence(text: str) -> None:
    """Names are shown so that a terminal takes no command from them."""
    assert text.replace("\n  -> ", "").isprintable(), repr(text)


def own_tree(into: Path) -> str:
    paths = [
        str((Path(folder) / name).relative_to(into))
        for folder, folders, files in os.walk(into)
        for name in [*folders, *files]
        if (Path(folder) / name).is_symlink() or name in files
    ]
    return tree_id(read_entry(into, path) for path in paths)


def test_nothing_is_written_outside_of_the_folder() -> None:
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        sandbox = Path(os.path.realpath(temporary))
        inner = sandbox / "outer" / "inner"
        inner.mkdir(parents=True)
        into = inner / "into"
        for place in (sandbox, sandbox / "outer", inner):
            (place / "canary").write_text("alive")
            (place / "a").write_text("alive")
        before = snapshot(sandbox, into)

        @settings(
            max_examples=3000,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.one_of(
                st.tuples(st.lists(_MEMBER, min_size=1, max_size=6), _ENDS, _CUTS),
                st.tuples(
                    st.lists(_MILD, min_size=1, max_size=4), st.just(END), st.none()
                ),
            ),
            st.sampled_from(["", "", "a", "a/b"]),
        )
        def attack(
            archived: tuple[list[dict[str, object]], bytes, int | None], folder: str
        ) -> None:
            members, end, cut = archived
            if into.exists():
                remove(into)
            archive = packed([build(m, sandbox) for m in members], end=end)
            if cut is not None:
                archive = io.BytesIO(archive.getvalue()[:-cut])
            try:
                found = unpack(archive, into, where="x", folder=folder, limits=LIMITS)
            except FetchError as error:
                outcomes[type(error).__name__] += 1
                assert not into.exists()
                check_sentence(str(error))
            else:
                outcomes["taken"] += 1
                check_folder(into)
                if not folder:
                    assert own_tree(into) == found.root_tree()
                else:
                    assert own_tree(into) == tree_id(found.inside())
                remove(into)
            assert snapshot(sandbox, into) == before

        # Any umask's modes are made git's own later: by `tidy_copy`.
        umask = os.umask(0o022)
        try:
            attack()
        finally:
            os.umask(umask)
    # Neither side is tried in name only.
    assert outcomes["taken"] > 100, outcomes
    assert outcomes["FetchError"] > 500, outcomes
    assert outcomes["DamagedArchiveError"] > 100, outcomes


def remove(into: Path) -> None:
    for folder, folders, files in os.walk(into, topdown=False):
        for name in files:
            (Path(folder) / name).unlink()
        for name in folders:
            place = Path(folder) / name
            place.unlink() if place.is_symlink() else place.rmdir()
    into.rmdir()


def test_any_bytes_at_all_are_refused_or_taken_whole() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        into = Path(temporary) / "into"

        @settings(max_examples=500, database=None)
        @given(st.binary(max_size=2048), st.booleans())
        def feed(data: bytes, wrapped: bool) -> None:
            archive = packed([data]) if wrapped else io.BytesIO(data)
            try:
                unpack(archive, into, where="x", limits=LIMITS)
            except FetchError:
                assert not into.exists()
            else:
                remove(into)

        feed()


def test_the_archives_of_this_test_are_honest_where_they_do_not_lie() -> None:
    assert file(b"top/a", b"x")[:512] == header(b"top/a", size=1)
