"""A commit that is no part of what its ref means now is told from one that is only old."""

from __future__ import annotations

import pytest

from tests.fakes.world import World

pytestmark = pytest.mark.processes


def test_which_of_two_commits_is_part_of_the_other(world: World) -> None:
    git = world.repository
    old = git.git("rev-parse", "HEAD")
    git.switch("other", create=True)
    stray = git.commit({"x": "1"})
    git.commit({"x": "2"})
    git.switch("main")
    new = git.commit({"y": "1"})
    forge = world.forge()
    assert forge.compare(world.path, old, new).behind == 0
    strayed = forge.compare(world.path, stray, new)
    assert (strayed.ahead, strayed.behind) == (1, 1)
    assert forge.compare(world.path, new, new).behind == 0
    assert forge.compare(world.path, "0" * 40, new).behind is None
