"""karst fetching 50 repositories of a forge 50 ms away, beside `git clone` of the same."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.figures import Figure, Pair, at_most, compared, ours_of
from bench.options import Options
from bench.running import BenchError, run
from karst.config.settings import read_settings
from karst.config.slug import parse_slug
from karst.effects.process import Processes
from karst.fetch.revision import Revision
from karst.pipeline.fetching import FETCHES_AT_ONCE
from karst.pipeline.sources import Places, Sources, open_sources

TITLE = "fetch: 50 repositories, 50 ms away / git clone --depth 1, 8 at a time"
_COUNT, _CLONES_AT_ONCE = 50, 8
_WARM_SECONDS = 1.0


def measure(options: Options) -> Iterator[Figure]:
    folder = options.scratch / "fetch"
    cold, asked, locked = [], [], []
    with _forge(folder / "served") as forge:
        # Once unmeasured: the forge has its answers at hand for both.
        for _ in range(options.rounds + 1):
            git = _each(partial(_clone, forge["url"], folder), _CLONES_AT_ONCE)
            sources = _sources(forge, folder)
            revisions: dict[int, Revision] = {}
            resolving = partial(_resolve, sources, folder, revisions)
            fetching = partial(_fetch, sources, folder, revisions)
            cold.append(Pair(_each(resolving), git))
            asked.append(Pair(_each(resolving), git))
            locked.append(Pair(_each(fetching), git))
            shutil.rmtree(folder / "cache")
    words = ("karst", "git")
    yield compared("cold", cold[1:], unit="s", words=words, most=0.5)
    for name, pairs in (("warm, refs asked", asked), ("warm, locked", locked)):
        seconds = ours_of(pairs[1:])
        yield Figure(
            name,
            None,
            f"karst {seconds:.2f} s",
            f"<= {_WARM_SECONDS:g} s",
            at_most(seconds, _WARM_SECONDS, "s"),
            [pair.ours for pair in pairs[1:]],
        )


@contextlib.contextmanager
def _forge(folder: Path) -> Iterator[dict[str, str]]:
    """Run a forge beside us; gives its addresses."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.forge_process", str(folder), str(_COUNT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout
        line = child.stdout.readline()
        if not line:
            raise BenchError("the forge did not start")
        yield json.loads(line)
    finally:
        child.communicate()


def _sources(forge: dict[str, str], folder: Path) -> Sources:
    environ = {
        **os.environ,
        "GITHUB_API_URL": forge["api"],
        "GITHUB_SERVER_URL": forge["url"],
    }
    places = Places(folder, folder / "cache")
    return open_sources(read_settings(environ), Processes(environ), places)


def _each(work: Callable[[int], object], at_once: int = FETCHES_AT_ONCE) -> float:
    """Do `work` for every repository, so many at once; return the seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(work, range(_COUNT)))
    return time.monotonic() - began


def _clone(url: str, folder: Path, number: int) -> None:
    into = folder / "clones" / str(number)
    source = f"{url}/o/r{number}.git"
    run(["git", "clone", "--quiet", "--depth", "1", source, into])
    shutil.rmtree(into)


def _resolve(
    sources: Sources, folder: Path, revisions: dict[int, Revision], number: int
) -> None:
    slug = parse_slug(f"gh:o/r{number}")
    revisions[number] = sources.of(slug).resolve(slug, "")
    _fetch(sources, folder, revisions, number)


def _fetch(
    sources: Sources, folder: Path, revisions: dict[int, Revision], number: int
) -> None:
    into = folder / "checkouts" / str(number)
    sources.of(revisions[number].slug).fetch(revisions[number], into)
    shutil.rmtree(into)
