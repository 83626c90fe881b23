"""Archives of forges: honest ones come out whole, hostile ones leave nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from archives import (
    END,
    file,
    folder,
    gnu_long,
    header,
    link,
    packed,
    padded,
    pax,
    record,
    signed,
)

from karst.errors import DiskFullError, FetchError
from karst.fetch import unpack as unpack_module
from karst.fetch.unpack import unpack
from karst.fetch.unpack_limits import DamagedArchiveError, Limits

MAIN = file(b"top/main.py", b"print(1)\n")


def names(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def refuse(
    tmp_path: Path,
    archive: io.BytesIO,
    *,
    kind: type[FetchError] = FetchError,
    limits: Limits | None = None,
    folder: str = "",
) -> str:
    """Unpack what must be refused; return the sentence."""
    into = tmp_path / "inner" / "into"
    (tmp_path / "canary").write_text("alive")
    with pytest.raises(FetchError) as caught:
        unpack(archive, into, where="gh:a/b", limits=limits, folder=folder)
    assert type(caught.value) is kind
    assert not into.exists()
    assert (tmp_path / "canary").read_text() == "alive"
    assert sorted([p.name for p in tmp_path.iterdir()]) == ["canary", "inner"]
    assert str(caught.value).startswith("gh:a/b: ")
    return caught.value.what


def test_files_programs_and_links_come_out_without_the_top_folder(
    tmp_path: Path,
) -> None:
    archive = packed(
        [
            pax([(b"comment", b"c" * 40)], b"g"),
            folder(b"top/"),
            MAIN,
            file(b"top/run", b"#!/bin/sh\n", mode=0o7775),
            folder(b"top/pkg/"),
            file(b"top/pkg/deep/mod.py", b"x" * 1500),
            link(b"top/pkg/to", b"../main.py"),
            link(b"top/empty-target-folder", b"."),
        ]
    )
    into = tmp_path / "a" / "into"
    found = unpack(archive, into, where="x")
    assert names(into) == [
        "empty-target-folder",
        "main.py",
        "pkg/deep/mod.py",
        "pkg/to",
        "run",
    ]
    assert (into / "main.py").read_text() == "print(1)\n"
    assert (into / "pkg/deep/mod.py").read_bytes() == b"x" * 1500
    assert (into / "pkg/to").readlink() == Path("../main.py")
    # Nothing but the executable bit is kept of 07775.
    assert stat.S_IMODE((into / "run").stat().st_mode) & 0o7700 == 0o700
    assert stat.S_IMODE((into / "main.py").stat().st_mode) & 0o7700 == 0o600
    assert {entry.path: entry.mode for entry in found.entries} == {
        "main.py": "100644",
        "run": "100755",
        "pkg/deep/mod.py": "100644",
        "pkg/to": "120000",
        "empty-target-folder": "120000",
    }


def test_long_names_come_from_pax_and_from_gnu_headers(tmp_path: Path) -> None:
    long = b"d" * 90 + b"/" + b"f" * 90
    target = b"t" * 150
    archive = packed(
        [
            pax([(b"path", b"top/" + long), (b"mtime", b"1")]),
            file(b"top/cut", b"pax"),
            gnu_long(b"top/gnu/" + long),
            header(b"top/cut", size=3, magic=b"ustar  \0") + padded(b"gnu"),
            pax([(b"linkpath", target)]),
            link(b"top/link", target),
            gnu_long(target, b"K"),
            link(b"top/gnu-link", target),
            header(b"name", prefix=b"top/" + b"p" * 90, size=1) + padded(b"1"),
        ]
    )
    unpack(archive, tmp_path / "into", where="x")
    root = tmp_path / "into"
    assert (root / long.decode()).read_text() == "pax"
    assert (root / "gnu" / long.decode()).read_text() == "gnu"
    assert (root / "link").readlink() == Path(target.decode())
    assert (root / "gnu-link").readlink() == Path(target.decode())
    assert (root / ("p" * 90) / "name").read_text() == "1"


def test_big_files_are_read_in_pieces(tmp_path: Path) -> None:
    body = os.urandom(3_000_001)
    found = unpack(packed([file(b"top/big", body)]), tmp_path / "into", where="x")
    assert (tmp_path / "into/big").read_bytes() == body
    assert found.entries[0].blob == blob_id(body)


def blob_id(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()  # noqa: S324


def test_one_folder_is_written_and_everything_is_hashed(tmp_path: Path) -> None:
    parts = [
        MAIN,
        file(b"top/app/run.py", b"run"),
        file(b"top/app/deep/x", b"x"),
        file(b"top/application/no", b""),
        # Outside of the folder, so nothing comes of it.
        link(b"top/away", b"/etc/passwd"),
        link(b"top/app/up", b"deep/x"),
    ]
    whole = unpack(packed(parts[:4]), tmp_path / "whole", where="x")
    found = unpack(packed(parts), tmp_path / "into", where="x", folder="app")
    assert names(tmp_path / "into") == ["deep/x", "run.py", "up"]
    assert {entry.path for entry in found.inside()} == {"run.py", "deep/x", "up"}
    assert len(found.entries) == 6
    assert found.root_tree() != whole.root_tree()


def test_a_link_that_leaves_the_wanted_folder_is_refused(tmp_path: Path) -> None:
    parts = [MAIN, link(b"top/app/up", b"../main.py")]
    unpack(packed(parts), tmp_path / "whole", where="x")
    (tmp_path / "inside").mkdir()
    what = refuse(tmp_path / "inside", packed(parts), folder="app")
    assert what == "the link 'up' leads out of the folder, to '../main.py'"


def test_submodules_count_for_the_tree_and_stay_empty(tmp_path: Path) -> None:
    commit = "ab" * 20
    archive = packed([MAIN, folder(b"top/vendor/lib/")])
    found = unpack(
        archive, tmp_path / "into", where="x", submodules={"vendor/lib": commit}
    )
    assert [(e.path, e.mode, e.blob) for e in found.entries][1] == (
        "vendor/lib",
        "160000",
        commit,
    )
    assert [p.name for p in (tmp_path / "into/vendor/lib").iterdir()] == []
    plain = unpack(
        packed([MAIN, folder(b"top/vendor/lib/")]), tmp_path / "plain", where="x"
    )
    assert plain.root_tree() != found.root_tree()
    assert not (tmp_path / "plain/vendor").exists()


@pytest.mark.parametrize("commit", ["../../canary", "a/../../../canary", "/canary"])
def test_a_submodule_s_path_is_no_way_out(tmp_path: Path, commit: str) -> None:
    with pytest.raises(FetchError):
        unpack(
            packed([MAIN]), tmp_path / "into", where="x", submodules={commit: "a" * 40}
        )
    assert [p.name for p in tmp_path.iterdir()] == []


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:" + b"ab" * 32 + b"\nsize 12345\n"
)
ATTRIBUTES = file(b"top/.gitattributes", b"*.bin filter=lfs diff=lfs -text\n")


def test_pointers_to_lfs_content_are_found_where_attributes_name_it(
    tmp_path: Path,
) -> None:
    parts = [file(b"top/app/a.bin", POINTER), file(b"top/b.bin", POINTER)]
    without = unpack(packed(parts), tmp_path / "1", where="x")
    assert without.pointers == {}
    found = unpack(packed([*parts, ATTRIBUTES]), tmp_path / "2", where="x")
    assert sorted(found.pointers) == ["app/a.bin", "b.bin"]
    assert found.pointers["b.bin"].oid == "ab" * 32
    assert found.pointers["b.bin"].size == 12345
    inside = unpack(
        packed([*parts, ATTRIBUTES]), tmp_path / "3", where="x", folder="app"
    )
    assert sorted(inside.pointers) == ["a.bin"]


class Dribble(io.BytesIO):
    """Gives a few bytes at once, as a slow network may."""

    step = 7

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, self.step))


@pytest.mark.parametrize("step", [1, 7, 100])
def test_it_does_not_matter_how_the_bytes_come(tmp_path: Path, step: int) -> None:
    parts = [file(b"top/a.bin", POINTER), ATTRIBUTES, file(b"top/b", os.urandom(9999))]
    at_once = unpack(packed(parts), tmp_path / "1", where="x")
    slow = Dribble(packed(parts).getvalue())
    slow.step = step
    found = unpack(slow, tmp_path / "2", where="x")
    assert found.entries == at_once.entries
    assert sorted(found.pointers) == ["a.bin"]


def test_one_byte_behind_the_end_is_seen_however_it_comes(tmp_path: Path) -> None:
    archive = Dribble(packed([MAIN]).getvalue() + b"x")
    archive.step = 1
    assert "more behind" in refuse(tmp_path, archive, kind=DamagedArchiveError)


def test_a_big_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    big = packed([file(b"top/zeros", bytes(24 << 20))])
    tracemalloc.start()
    try:
        unpack(big, tmp_path / "into", where="x", limits=Limits(ratio=2000))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


def test_gitmodules_come_with_it_wherever_the_folder_is(tmp_path: Path) -> None:
    text = b'[submodule "x"]\n'
    parts = [file(b"top/.gitmodules", text), file(b"top/a/.gitmodules", b"no"), MAIN]
    found = unpack(packed(parts), tmp_path / "into", where="x", folder="a")
    assert found.gitmodules == text


def test_what_only_looks_like_a_pointer_is_a_file(tmp_path: Path) -> None:
    parts = [
        ATTRIBUTES,
        file(b"top/a", POINTER + b"more\n"),
        file(b"top/b", POINTER.replace(b"sha256", b"md5")),
        file(b"top/c", b"version 1.2.3\n"),
        file(b"top/d", POINTER.replace(b"oid ", b"ext-0-x sha256:1\n" * 60 + b"oid ")),
    ]
    assert unpack(packed(parts), tmp_path / "into", where="x").pointers == {}


HOSTILE = {
    "parent": ([file(b"top/../canary", b"x")], "leads elsewhere"),
    "parent-in-top": ([file(b"../canary", b"x")], "outside of the archive's one"),
    "absolute": ([file(b"/canary", b"x")], "outside of the archive's one"),
    "double-slash": ([file(b"top//canary", b"x")], "leads elsewhere"),
    "dot": ([file(b"top/./canary", b"x")], "leads elsewhere"),
    "dot-folder": ([folder(b"top/a/../../b/")], "leads elsewhere"),
    "top-is-a-dot": ([file(b"./canary", b"x")], "outside of the archive's one"),
    "top-is-a-file": ([file(b"top", b"x")], "is not a folder"),
    "two-tops": ([MAIN, file(b"other/x", b"x")], "outside of the archive's one"),
    "slash-at-the-end": ([file(b"top/x/", b"x")], "leads elsewhere"),
    "pax-parent": (
        [pax([(b"path", b"top/../../canary")]), file(b"top/good", b"x")],
        "leads elsewhere",
    ),
    "gnu-parent": ([gnu_long(b"../canary"), file(b"top/good", b"x")], "outside of"),
    "nul-in-pax": ([pax([(b"path", b"top/a\0b")]), file(b"top/x")], "is no path"),
    "prefix-parent": ([header(b"canary", prefix=b"top/..")], "leads elsewhere"),
    "global-path": ([pax([(b"path", b"top/x")], b"g"), MAIN], "where it must not"),
    "global-size": ([pax([(b"size", b"0")], b"g"), MAIN], "where it must not"),
    "global-target": ([pax([(b"linkpath", b"x")], b"g"), MAIN], "where it must not"),
    "charset": ([pax([(b"hdrcharset", b"BINARY")]), MAIN], "where it must not"),
    "pax-size": ([pax([(b"size", b"1024")]), MAIN], "two sizes"),
    "pax-size-padded": ([pax([(b"size", b"09")]), MAIN], "two sizes"),
    "pax-and-gnu": (
        [gnu_long(b"top/a"), pax([(b"path", b"top/b")]), MAIN],
        "two headers",
    ),
    "pax-twice": ([pax([(b"path", b"top/a"), (b"path", b"top/b")]), MAIN], "two head"),
    "sparse": ([pax([(b"GNU.sparse.major", b"1")]), MAIN], "sparse"),
    "old-sparse": ([header(b"top/x", kind=b"S")], "a sparse file"),
    "hard-link": ([MAIN, link(b"top/x", b"top/main.py", b"1")], "a hard link"),
    "hard-link-out": ([link(b"top/x", b"/etc/passwd", b"1")], "a hard link"),
    "character-device": ([header(b"top/x", kind=b"3")], "a device"),
    "block-device": ([header(b"top/x", kind=b"4")], "a device"),
    "pipe": ([header(b"top/x", kind=b"6")], "a pipe"),
    "contiguous": ([header(b"top/x", kind=b"7")], "a contiguous file"),
    "unknown-kind": ([header(b"top/x", kind=b"Z")], "something else than a file"),
    "link-absolute": ([link(b"top/x", b"/etc/passwd")], "leads out of the folder"),
    "link-up": ([link(b"top/x", b"../canary")], "leads out of the folder"),
    "link-up-and-back": ([link(b"top/x", b"../into/x")], "leads out of the folder"),
    "link-deep-up": ([link(b"top/a/b/x", b"../../../y")], "leads out of the folder"),
    "link-chain": (
        [
            folder(b"top/a/b/"),
            link(b"top/one", b"a/b"),
            link(b"top/a/b/two", b"../.."),
            link(b"top/three", b"one/two/../x"),
        ],
        "leads out of the folder",
    ),
    "link-without-target": ([link(b"top/x", b"")], "leads nowhere"),
    "link-no-utf-8": ([link(b"top/x", b"\xff")], "leads nowhere"),
    "link-nul": ([pax([(b"linkpath", b"a\0b")]), link(b"top/x", b"a")], "nowhere"),
    "link-long": (
        [pax([(b"linkpath", b"a/" * 600)]), link(b"top/x", b"a")],
        "leads nowhere",
    ),
    "file-through-link": (
        [link(b"top/d", b".."), file(b"top/d/canary", b"x")],
        "is a file and a folder",
    ),
    "folder-over-link": ([link(b"top/d", b".."), folder(b"top/d/")], "file and a fol"),
    "link-over-folder": ([file(b"top/d/x"), link(b"top/d", b"..")], "is there twice"),
    "file-over-link": ([link(b"top/d", b"../y"), file(b"top/d", b"x")], "twice"),
    "file-over-folder": ([folder(b"top/d/"), file(b"top/d", b"x")], "is there twice"),
    "file-twice": ([MAIN, MAIN], "is there twice"),
    "folder-with-content": ([header(b"top/d/", kind=b"5", size=512) + b"x" * 512], "h"),
    "link-with-content": (
        [header(b"top/d", kind=b"2", size=512, target=b"x") + b"x" * 512],
        "has content",
    ),
    "git-folder": ([file(b"top/.git/config", b"x")], "is git's own"),
    "git-folder-case": ([file(b"top/a/.GiT/hooks/x", b"x")], "is git's own"),
    "case": ([MAIN, file(b"top/Main.py", b"x")], "differ only in case"),
    "case-folder": (
        [file(b"top/a/x", b"x"), file(b"top/A/y", b"y")],
        "differ only in case",
    ),
    "unicode": (
        [
            file("top/caf\u00e9".encode(), b"x"),
            file("top/cafe\u0301".encode(), b"y"),
        ],
        "differ only in case or in Unicode form",
    ),
    # Two spellings of one text that differ in more than their accents' form.
    "unicode-order": (
        [
            file("top/\u03b1\u0345\u0301".encode(), b"x"),
            file("top/\u03b1\u0301\u0345".encode(), b"y"),
        ],
        "differ only in case or in Unicode form",
    ),
    "no-utf-8": ([file(b"top/caf\xe9", b"x")], "is no UTF-8"),
    "long-name": (
        [pax([(b"path", b"top/" + b"n" * 256)]), file(b"top/n")],
        "has too long a name",
    ),
    "long-path": (
        [pax([(b"path", b"top" + b"/nnnnnnnnn" * 103)]), file(b"top/n")],
        "has too long a path",
    ),
    "deep": ([pax([(b"path", b"top" + b"/n" * 66)]), file(b"top/n")], "lies too deep"),
    "long-header": ([file(b"x", bytes((1 << 16) + 1), kind=b"x"), MAIN], "header with"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(tmp_path: Path, name: str) -> None:
    parts, sentence = HOSTILE[name]
    assert sentence in refuse(tmp_path, packed(parts))


TAR = MAIN + END
DAMAGED = {
    "nothing": (io.BytesIO(b""), "it is cut off"),
    "no-gzip": (io.BytesIO(b"<html>sign in</html>"), "it is no whole gzip file"),
    "no-tar": (packed([b"x" * 512]), "a header"),
    "no-end": (packed([MAIN], end=b""), "it is cut off"),
    "half-an-end": (packed([MAIN], end=bytes(512)), "it is cut off"),
    "cut-in-a-file": (packed([MAIN[:520]], end=b""), "it is cut off"),
    "empty": (packed([]), "it is empty"),
    "more-behind": (packed([MAIN], end=END + b"x"), "more behind its end"),
    "more-after-a-block": (packed([MAIN], end=bytes(512) + MAIN), "more behind"),
    "more-in-the-second-block": (
        packed([MAIN], end=bytes(512) + b"x" * 512 + END),
        "more behind its end",
    ),
    "more-far-behind": (packed([MAIN], end=bytes(9 << 20) + b"x"), "more behind"),
    "second-gzip": (
        io.BytesIO(gzip.compress(TAR) + gzip.compress(TAR)),
        "more behind its end",
    ),
    "text-behind": (io.BytesIO(gzip.compress(TAR) + b"\0"), "more behind its end"),
    "cut-gzip": (io.BytesIO(gzip.compress(TAR)[:-9]), "it is cut off"),
    "no-trailer": (io.BytesIO(gzip.compress(TAR)[:-8]), "it is cut off"),
    "wrong-crc": (
        io.BytesIO(gzip.compress(TAR)[:-8] + b"abcd" + gzip.compress(TAR)[-4:]),
        "no whole gzip",
    ),
    "wrong-checksum": (packed([b"y" + MAIN[1:]]), "a header's checksum is wrong"),
    "no-number": (
        packed([header(b"top/x", size_field=b"-0000000001\0")]),
        "a number that is none",
    ),
    "binary-number": (
        packed([header(b"top/x", size_field=b"\x80" + bytes(10) + b"\1")]),
        "a number that is none",
    ),
    "negative-number": (
        packed([header(b"top/x", size_field=b"\xff" * 12)]),
        "a number that is none",
    ),
    "no-magic": (packed([header(b"top/x", magic=bytes(8))]), "no known form"),
    "header-of-nothing": (packed([MAIN, pax([(b"path", b"x")])]), "to nothing"),
    "empty-header-of-nothing": (packed([MAIN, pax([])]), "to nothing"),
}
for _name, _body in {
    "no-length": b"path=top/x\n",
    "no-equals": b"9 path-x\n",
    "no-line-end": b"11 path=top",
    "length-zero": b"0 path=x\n",
    "length-over": b"99 path=x\n",
    "length-negative": b"-9 path=x\n",
    "length-unicode": "\u0661\u0660 path=x\n".encode(),
    "length-huge": b"9" * 5000 + b" path=x\n",
}.items():
    DAMAGED["pax-" + _name] = (
        packed([file(b"x", _body, kind=b"x"), MAIN]),
        "an extended header can't be read",
    )


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_told_apart(tmp_path: Path, name: str) -> None:
    archive, sentence = DAMAGED[name]
    archive.seek(0)
    assert sentence in refuse(tmp_path, archive, kind=DamagedArchiveError)


def test_a_whole_archive_may_be_padded_as_tar_pads(tmp_path: Path) -> None:
    unpack(packed([MAIN], end=bytes(10240)), tmp_path / "into", where="x")
    assert names(tmp_path / "into") == ["main.py"]


SMALL = Limits(size=10_000, files=3, ratio=20, ratio_from=100_000, depth=2)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([file(b"top/%d" % n) for n in range(4)], "more than 3 files"),
        ([folder(b"top/%d/" % n) for n in range(4)], "more than 3 files"),
        ([file(b"top/%d" % n, bytes(5001)) for n in range(2)], "more than 0 MiB"),
        ([file(b"top/a/b/c/d")], "lies too deep"),
        ([pax([(b"comment", bytes(9999))]) for _ in range(40)], "unpacks to"),
        ([header(b"top/x", size=0o77777777777)], "more than 0 MiB"),
    ],
)
def test_too_much_is_refused(tmp_path: Path, parts: list[bytes], sentence: str) -> None:
    assert sentence in refuse(tmp_path, packed(parts), limits=SMALL)


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    limits = Limits(ratio=100, ratio_from=1 << 20)
    bomb = packed([file(b"top/zeros", bytes(20 << 20))])
    assert "more than 100 times its size" in refuse(tmp_path, bomb, limits=limits)
    # The same ratio is nothing to speak of where little comes of it.
    unpack(
        packed([file(b"top/zeros", bytes(1 << 19))]),
        tmp_path / "small",
        where="x",
        limits=limits,
    )


def test_headers_alone_are_a_bomb_too(tmp_path: Path) -> None:
    limits = Limits(size=10_000, files=10, ratio=10**6)
    comments = [pax([(b"comment", bytes(60_000))], b"g") for _ in range(40)]
    what = refuse(tmp_path, packed([*comments, MAIN]), limits=limits)
    assert what == "the archive unpacks to too much"


def test_a_bomb_behind_the_end_is_refused(tmp_path: Path) -> None:
    limits = Limits(ratio=100, ratio_from=1 << 20)
    bomb = packed([MAIN], end=bytes(20 << 20))
    assert "more than 100 times" in refuse(tmp_path, bomb, limits=limits)


def test_the_whole_of_a_bomb_is_never_in_memory(tmp_path: Path) -> None:
    bomb = packed([file(b"top/zeros", bytes(64 << 20))])
    tracemalloc.start()
    try:
        refuse(tmp_path, bomb, limits=Limits(ratio=1000, size=32 << 20))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


def test_names_are_shown_without_their_control_characters(tmp_path: Path) -> None:
    what = refuse(tmp_path, packed([file(b"top/\x1b[2J/..", b"x")]))
    assert "\x1b" not in what
    assert "\\x1b" in what


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into/mine").write_text("mine")
    with pytest.raises(FileExistsError):
        unpack(packed([MAIN]), tmp_path / "into", where="x")
    assert (tmp_path / "into/mine").read_text() == "mine"


def test_a_full_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpack_module, "_write", full)
    with pytest.raises(DiskFullError):
        unpack(packed([MAIN]), tmp_path / "into", where="x")
    assert [p.name for p in tmp_path.iterdir()] == []


def test_a_file_that_can_t_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(unpack_module, "_write", broken)
    with pytest.raises(FetchError, match="can't be written: Input/output error"):
        unpack(packed([MAIN]), tmp_path / "into", where="x")
    assert [p.name for p in tmp_path.iterdir()] == []


def test_signed_headers_are_what_tar_itself_accepts(tmp_path: Path) -> None:
    """The test's own archives are honest where they do not lie."""
    with tarfile.open(fileobj=packed([pax([(b"path", b"top/x")]), MAIN])) as tar:
        assert tar.getnames() == ["top/x"]
    assert signed(header(b"x")) == header(b"x")
    assert record(b"a", b"b") == b"7 a=b\n"[:1].replace(b"7", b"6") + b" a=b\n"
    assert zlib.crc32(TAR) == zlib.crc32(MAIN + END)


@pytest.mark.processes
def test_the_tree_id_of_git_s_own_archive_is_git_s(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    for path in ("a.b/x", "a/y", "a0", "d" * 120 + "/" + "e" * 120, "\u00e9/\u4e2d"):
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(path)
    (repository / "run").write_text("#!/bin/sh\n")
    (repository / "run").chmod(0o755)
    (repository / "link").symlink_to("d" * 120 + "/" + "e" * 120)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words],
            cwd=repository,
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

    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    packed_by_git = tmp_path / "archive.tar.gz"
    git("archive", "--prefix=r-abc/", "-o", str(packed_by_git), "HEAD")
    with packed_by_git.open("rb") as file:
        found = unpack(file, tmp_path / "into", where="x")
    assert found.root_tree() == git("rev-parse", "HEAD^{tree}")
