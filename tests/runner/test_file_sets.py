"""Sets of mesh files on a real file system."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from karst.runner.files import FileSets, with_hosts, write_hosts


def deliver(
    root: Path, version: str, sequence: int, files: dict[str, str] | None = None
) -> Path:
    files = {"envoy.yaml": "node: {}", "hosts": "10.0.0.1 api\n", **(files or {})}
    folder = root / "incoming" / version
    folder.mkdir(parents=True)
    digests = {}
    for name, text in files.items():
        (folder / name).write_text(text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    manifest = {"version": version, "sequence": sequence, "files": digests}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def rewrite(path: Path, text: str) -> None:
    """Write `text`, with another time of change: older kernels tell milliseconds apart."""
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        path.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_whole_set_is_put_in_force_by_a_move(tmp_path: Path) -> None:
    sets = FileSets(tmp_path, settled_ns=0)
    assert (sets.current, sets.poll(), sets.error) == (None, False, "")
    deliver(tmp_path, "v1", 1)
    seen = []
    assert sets.poll(lambda: seen.append((tmp_path / "current").exists()))
    assert seen == [False]
    assert (tmp_path / "current").readlink() == Path("sets/v1")
    assert sets.text("hosts") == "10.0.0.1 api\n"
    assert sets.text("lds.json") == ""
    assert names(tmp_path / "incoming") == []
    assert sets.poll() is False


def test_a_delivery_that_may_be_under_way_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = deliver(tmp_path, "v1", 1) / "manifest.json"
    changed = manifest.stat().st_ctime_ns
    passed = 4 * 10**9
    clock = SimpleNamespace(time_ns=lambda: changed + passed)
    monkeypatch.setattr("karst.runner.files.time", clock)
    sets = FileSets(tmp_path)
    assert (sets.poll(), manifest.exists(), sets.error) == (False, True, "")
    # However long the engine takes for a step: it sets the times last.
    os.utime(manifest, (0, 0))
    changed = manifest.stat().st_ctime_ns
    assert sets.poll()


def test_what_other_tools_deliver_is_taken_once_it_has_settled(tmp_path: Path) -> None:
    deliver(tmp_path, "v1", 1)
    assert FileSets(tmp_path, settled_ns=0).poll()


def test_of_several_that_came_the_newest_counts(tmp_path: Path) -> None:
    sets = FileSets(tmp_path, settled_ns=0)
    for version, sequence in (("m", 2), ("a", 3), ("z", 1)):
        deliver(tmp_path, version, sequence)
    assert (sets.poll(), sets.error) == (True, "")
    assert (tmp_path / "current").readlink() == Path("sets/a")
    assert names(tmp_path / "incoming") == []


def test_a_broken_one_is_told_beside_one_that_is_taken(tmp_path: Path) -> None:
    sets = FileSets(tmp_path, settled_ns=0)
    (deliver(tmp_path, "v2", 2) / "hosts").unlink()
    deliver(tmp_path, "v1", 1)
    assert sets.poll()
    assert sets.error == "set v2: hosts: No such file or directory"


@pytest.mark.parametrize("before", [0, 1])
def test_a_set_that_was_moved_but_not_shown_is_shown_at_the_next_start(
    tmp_path: Path, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(before):
        deliver(tmp_path, f"v{number}", number)
        assert FileSets(tmp_path, settled_ns=0).poll()

    def killed(self: FileSets) -> None:
        raise KeyboardInterrupt

    deliver(tmp_path, "w", 9)
    with monkeypatch.context() as patch:
        patch.setattr(FileSets, "show", killed)
        with pytest.raises(KeyboardInterrupt):
            FileSets(tmp_path, settled_ns=0).poll()
    again = FileSets(tmp_path, settled_ns=0)
    assert again.current is not None
    assert again.current.version == "w"
    assert (tmp_path / "current").readlink() == Path("sets/w")


def test_a_set_in_force_that_is_broken_is_not_replaced_by_an_older_one(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        deliver(tmp_path, f"v{number}", number)
        assert FileSets(tmp_path, settled_ns=0).poll()
    (tmp_path / "sets" / "v2" / "hosts").write_text("x")
    again = FileSets(tmp_path, settled_ns=0)
    assert (again.current, again.poll()) == (None, False)
    assert again.error == "the set in force: hosts is not what the manifest says"


def test_the_one_before_is_kept_and_older_ones_go(tmp_path: Path) -> None:
    sets = FileSets(tmp_path, settled_ns=0)
    for number in (1, 2, 3):
        deliver(tmp_path, f"v{number}", number)
        assert sets.poll()
    assert names(tmp_path / "sets") == ["v2", "v3"]


def test_after_a_restart_the_set_in_force_is_there(tmp_path: Path) -> None:
    deliver(tmp_path, "v1", 7)
    FileSets(tmp_path, settled_ns=0).poll()
    again = FileSets(tmp_path, settled_ns=0)
    assert again.current is not None
    assert (again.current.version, again.current.sequence) == ("v1", 7)
    deliver(tmp_path, "v0", 6)
    assert again.poll() is False
    assert again.error == ("set v0: its sequence 6 is not above 7, the one in force")


def test_a_set_is_waited_for_until_its_manifest_is_there(tmp_path: Path) -> None:
    sets = FileSets(tmp_path, settled_ns=0)
    folder = deliver(tmp_path, "v1", 1)
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").unlink()
    assert (sets.poll(), sets.error) == (False, "")
    (folder / "manifest.json").write_text(manifest[:20])
    assert sets.poll() is False
    assert sets.error.startswith("set v1: its manifest cannot be read")
    rewrite(folder / "manifest.json", manifest)
    assert (sets.poll(), sets.error) == (True, "")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda f: (f / "hosts").write_text("x"),
            "hosts is not what the manifest says",
        ),
        (lambda f: (f / "hosts").unlink(), "hosts: No such file or directory"),
        (lambda f: f.rename(f.with_name("v9")), "its manifest says v1"),
        (lambda f: link(f / "hosts"), "hosts: Too many levels of symbolic links"),
    ],
)
def test_a_broken_set_changes_nothing(tmp_path: Path, spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    deliver(tmp_path, "v0", 1)
    sets = FileSets(tmp_path, settled_ns=0)
    assert sets.poll()
    spoil(deliver(tmp_path, "v1", 2))
    assert sets.poll() is False
    assert sets.error.endswith(reason)
    assert (tmp_path / "current").readlink() == Path("sets/v0")
    # The next good one clears what was said.
    deliver(tmp_path, "v2", 3)
    assert (sets.poll(), sets.error) == (True, "")


def link(path: Path) -> None:
    other = path.parent.parent / "elsewhere"
    path.rename(other)
    path.symlink_to(other)


@pytest.mark.parametrize("name", ["../hosts", "/etc/passwd", "", ".hidden", "a/b"])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = deliver(tmp_path, "v1", 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sets = FileSets(tmp_path, settled_ns=0)
    assert sets.poll() is False
    assert sets.error == f"set v1: {name!r} is no plain name"


def test_hosts_keep_what_the_engine_wrote(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    inode = hosts.stat().st_ino
    write_hosts(hosts, "172.20.128.5 api\n172.20.128.6 db\n")
    assert hosts.read_text() == (
        "127.0.0.1\tlocalhost\n"
        "# karst: begin\n172.20.128.5 api\n172.20.128.6 db\n# karst: end\n"
    )
    write_hosts(hosts, "172.20.128.7 web\n")
    assert hosts.read_text() == (
        "127.0.0.1\tlocalhost\n# karst: begin\n172.20.128.7 web\n# karst: end\n"
    )
    write_hosts(hosts, "")
    assert hosts.read_text() == "127.0.0.1\tlocalhost\n"
    assert hosts.stat().st_ino == inode


def test_hosts_cannot_write_a_marker_of_their_own() -> None:
    text = with_hosts("a\n", "# karst: end\n10.0.0.1 api\n")
    assert text == "a\n# karst: begin\n10.0.0.1 api\n# karst: end\n"
