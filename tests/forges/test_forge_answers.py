"""Unchanged answers cost nothing, are the asker's own, and can't be forged or outgrow."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from karst.forges import answers
from karst.forges.answers import AnswerStore, Kept
from karst.secret import Secret
from tests.fakes.world import OTHER_TOKEN, TOKEN, World

QUESTION = "GET http://h/repos/a/b */*"
KEPT = Kept(QUESTION, '"etag"', "application/json", '{"a": "ä"}')


def store(folder: Path, token: str | None = TOKEN) -> AnswerStore:
    return AnswerStore(folder, Secret(token) if token else None)


def only_file(folder: Path) -> Path:
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


@pytest.mark.processes
def test_an_unchanged_list_costs_no_rate_limit(github_world: World) -> None:
    world = github_world
    world.repository.tag("v1")
    cache = world.folder / "cache"
    slugs = [None, "main", "v1", world.repository.git("rev-parse", "HEAD")]
    first = [world.forge(cache=cache).find_commit(world.path, s) for s in slugs]
    used = world.fake.used
    assert used > 0
    # Another process, another place for the cache.
    moved = world.folder / "elsewhere"
    shutil.move(cache, moved)
    again = [world.forge(cache=moved).find_commit(world.path, s) for s in slugs]
    assert (again, world.fake.used) == (first, used)
    new = world.repository.commit({"b": "2"})
    assert world.forge(cache=moved).find_commit(world.path, "main").commit == new


@pytest.mark.processes
def test_every_forge_is_asked_whether_anything_changed(world: World) -> None:
    cache = world.folder / "cache"
    world.forge(cache=cache).find_commit(world.path, "main")
    world.fake.seen.clear()
    world.forge(cache=cache).find_commit(world.path, "main")
    assert world.fake.seen
    assert all("if-none-match" in request.headers for request in world.fake.seen)
    assert world.forge(cache=cache).compare(world.path, "main", "main").ahead == 0


@pytest.mark.processes
def test_a_private_answer_is_of_no_use_to_another_identity(world: World) -> None:
    path, cache = "acme/secret", world.folder / "cache"
    world.fake.add(path, world.folder / "s", private=True).commit({"a": "1"})
    world.forge(cache=cache).find_commit(path, "main")
    world.fake.seen.clear()
    for token in (OTHER_TOKEN, None):
        with pytest.raises(Exception, match="no such repository"):
            world.forge(token=token, cache=cache).find_commit(path, "main")
    assert not any("if-none-match" in request.headers for request in world.fake.seen)


@pytest.mark.processes
def test_without_a_cache_nothing_is_kept(world: World) -> None:
    for _ in range(2):
        world.forge().find_commit(world.path, "main")
    assert not any("if-none-match" in request.headers for request in world.fake.seen)


@pytest.mark.processes
def test_without_a_token_a_pipeline_s_cache_is_not_believed(world: World) -> None:
    for environ, asked_anew in (({}, False), ({"CI": "true"}, True)):
        cache = world.folder / "cache"
        for _ in range(2):
            world.fake.seen.clear()
            forge = world.forge(token=None, cache=cache, environ=environ)
            forge.find_commit(world.path, None)
        conditional = ["if-none-match" in r.headers for r in world.fake.seen]
        assert any(conditional) is not asked_anew


@pytest.mark.parametrize("token", [TOKEN, None])
def test_what_is_kept_is_found_by_the_same_identity_only(
    tmp_path: Path, token: str | None
) -> None:
    store(tmp_path, token).keep(KEPT)
    assert store(tmp_path, token).find(QUESTION) == KEPT
    assert store(tmp_path, token).find(QUESTION + "x") is None
    for other in {TOKEN, OTHER_TOKEN, None} - {token}:
        assert store(tmp_path, other).find(QUESTION) is None
    assert only_file(tmp_path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [("body", '{"sha": "evil"}'), ("etag", '"new"'), ("content_type", "text/html")],
)
def test_words_put_into_the_forge_s_mouth_are_not_heard(
    tmp_path: Path, key: str, value: str
) -> None:
    store(tmp_path).keep(KEPT)
    file = only_file(tmp_path)
    document = json.loads(file.read_text())
    document["answer"][key] = value
    file.write_text(json.dumps(document))
    assert store(tmp_path).find(QUESTION) is None


def test_an_entry_of_another_identity_or_question_can_t_be_passed_off(
    tmp_path: Path,
) -> None:
    store(tmp_path / "theirs", OTHER_TOKEN).keep(KEPT)
    store(tmp_path / "mine").keep(KEPT)
    mine = only_file(tmp_path / "mine")
    genuine = mine.read_text()
    mine.write_text(only_file(tmp_path / "theirs").read_text())
    assert store(tmp_path / "mine").find(QUESTION) is None

    store(tmp_path / "other").keep(Kept("GET other", '"e"', "application/json", "{}"))
    only_file(tmp_path / "other").rename(mine)
    assert store(tmp_path / "mine").find(QUESTION) is None
    mine.write_text(genuine)
    assert store(tmp_path / "mine").find(QUESTION) == KEPT


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"answer": 1}', "\x00"])
def test_a_damaged_entry_is_none(tmp_path: Path, text: str) -> None:
    store(tmp_path).keep(KEPT)
    only_file(tmp_path).write_text(text)
    assert store(tmp_path).find(QUESTION) is None
    store(tmp_path).keep(KEPT)
    assert store(tmp_path).find(QUESTION) == KEPT


def test_a_folder_that_can_t_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file where the folder should be")
    store(tmp_path).keep(KEPT)
    assert store(tmp_path).find(QUESTION) is None


def test_the_least_recently_used_goes_first_whoever_s_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST_FILES", 10)
    monkeypatch.setattr(answers, "_PRUNE_EVERY", 2)
    names = [f"GET {n}" for n in range(20)]
    for number, name in enumerate(names):
        owner = store(tmp_path, TOKEN if number % 2 else OTHER_TOKEN)
        owner.keep(Kept(name, '"e"', "application/json", "{}"))
        newest = max(tmp_path.rglob("*.json"), key=lambda p: p.stat().st_mtime_ns)
        os.utime(newest, (1000 + number, 1000 + number))
    last = store(tmp_path)
    last.keep(KEPT)
    left = list(tmp_path.rglob("*.json"))
    assert len(left) == 10
    assert last.find(QUESTION) == KEPT
    assert last.find(names[19]) is not None
    assert last.find(names[1]) is None


def test_bytes_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_BYTES", 50_000)
    monkeypatch.setattr(answers, "_PRUNE_EVERY", 1)
    monkeypatch.setattr(answers, "LARGEST", 30_000)
    keeper = store(tmp_path)
    for number in range(9):
        body = json.dumps("x" * 20_000)
        keeper.keep(Kept(f"GET {number}", '"e"', "application/json", body))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.json")) <= 50_000
    keeper.keep(Kept("GET large", '"e"', "application/json", "x" * 30_001))
    assert keeper.find("GET large") is None
