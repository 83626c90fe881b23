"""Each forge's repositories as checkouts: by archive, by clone, from the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karst.config.slug import parse_slug
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.cache import CheckoutCache
from karst.fetch.remote_source import RemoteSource
from tests.fakes.world import OTHER_TOKEN, TOKEN, World

pytestmark = pytest.mark.processes


def open_source(
    world: World, tmp_path: Path, **options: object
) -> tuple[RemoteSource, list[str]]:
    steps: list[str] = []
    source = RemoteSource(
        world.forge(**options),  # type: ignore[arg-type]
        CheckoutCache(tmp_path / "cache"),
        Processes(os.environ, grace=1.0),
        tell=lambda _, step: steps.append(step),
    )
    return source, steps


def names(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir())


def test_a_commit_is_fetched_once_and_then_taken_from_the_cache(
    world: World, tmp_path: Path
) -> None:
    git = world.repository
    git.commit({"app/main.py": "print(1)\n", "app/.env": "X=1\n", "lib.py": ""})
    source, steps = open_source(world, tmp_path)
    revision = source.resolve(parse_slug(world.slug()), "app")
    tells_trees = revision.root_tree is not None
    for name in ("1", "2"):
        checkout = source.fetch(revision, tmp_path / name)
        assert names(checkout.root) == ["main.py"]
        assert checkout.tree == git.git("rev-parse", "HEAD:app")
        assert checkout.root_tree == git.git("rev-parse", "HEAD^{tree}")
    assert steps == ["archive" if tells_trees else "clone", "cache"]


def test_an_archive_that_lacks_files_is_replaced_by_a_clone(
    world: World, tmp_path: Path
) -> None:
    world.repository.commit(
        {"main.py": "", ".gitattributes": "main.py export-ignore\n"}
    )
    source, steps = open_source(world, tmp_path)
    checkout = source.fetch(source.resolve(parse_slug(world.slug())), tmp_path / "into")
    assert "main.py" in names(checkout.root)
    assert steps[-1] == "clone"


def test_a_private_repository_wants_a_token_that_sees_it(
    world: World, tmp_path: Path
) -> None:
    world.fake.find(world.path).private = True
    # Left out of the archive, so that git has to use the token, too.
    world.repository.commit({"x.py": "", ".gitattributes": "x.py export-ignore\n"})
    source, steps = open_source(world, tmp_path)
    revision = source.resolve(parse_slug(world.slug()))
    assert "x.py" in names(source.fetch(revision, tmp_path / "into").root)
    assert steps[-1] == "clone"
    for token in (OTHER_TOKEN, None):
        stranger, _ = open_source(world, tmp_path / f"{token}", token=token)
        with pytest.raises(FetchError) as caught:
            stranger.fetch(revision, tmp_path / "theirs")
        assert "git may not read" in caught.value.what or (
            "there is no repository" in caught.value.what
        )
        assert OTHER_TOKEN not in str(caught.value)
        assert not (tmp_path / "theirs").exists()
    for place in (tmp_path / "cache").rglob("*"):
        assert not place.is_file() or TOKEN.encode() not in place.read_bytes()
