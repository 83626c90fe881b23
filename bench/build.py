"""karst's template build beside a Dockerfile written by hand, of the same small app."""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

from bench.figures import Figure, Pair, compared
from bench.images import build as build_image
from bench.options import Options
from bench.running import run
from bench.stacks import BenchStack, bench_stack
from karst.build.base import choose_base, engine_lookups, read_python_wish
from karst.build.image import detect_builder
from karst.effects.engine import connect
from karst.effects.process import Processes

TITLE = "build: template / hand-written Dockerfile (BuildKit, same base, same app)"
_APP = Path(__file__).with_name("small_app")


@dataclass(frozen=True)
class _Sources:
    """The app twice, and the base image that both start from."""

    stack: BenchStack
    by_hand: Path
    base: str
    tag: str

    def write(self, name: str, line: str) -> None:
        """Add a line to a file of both."""
        for folder in (self.stack.folder / "app", self.by_hand):
            with (folder / name).open("a") as file:
                file.write(f"{line}\n")


def measure(options: Options) -> Iterator[Figure]:
    kinds = ("cold", "new requirements", "one source line")
    pairs: dict[str, list[Pair]] = {kind: [] for kind in kinds}
    for number in range(options.rounds):
        with bench_stack(f"build{number}") as stack:
            sources = _sources(options, stack)
            _both(sources)
            for kind, change in (
                ("cold", ("", "")),
                ("new requirements", ("requirements.txt", f"# {uuid.uuid4()}")),
                ("one source line", ("main.py", f"# {uuid.uuid4()}")),
            ):
                if change[0]:
                    sources.write(*change)
                else:
                    sources = _with_new_base(options.client, sources)
                pairs[kind].append(_both(sources))
    words = ("karst", "by hand")
    for kind, seen in pairs.items():
        yield compared(kind, seen, unit="s", words=words)


def _sources(options: Options, stack: BenchStack) -> _Sources:
    by_hand = options.scratch / stack.name
    shutil.copytree(_APP, by_hand)
    app = stack.folder / "app"
    shutil.copytree(_APP, app, ignore=shutil.ignore_patterns("by_hand.Dockerfile"))
    stack.write([{"slug": "file:./app", "name": "app"}])
    sources = _Sources(stack, by_hand, "", uuid.uuid4().hex[:8])
    return _with_new_base(options.client, sources)


def _with_new_base(client: docker.DockerClient, sources: _Sources) -> _Sources:
    """A base image with a file nobody had: no layer of an earlier build fits.

    The caches of wheels are each side's own too, and as old: of this round.
    """
    engine = connect(None, os.environ)
    found = choose_base(read_python_wish(sources.by_hand), engine_lookups(engine))
    tag = uuid.uuid4().hex[:8]
    base = f"bench/base-{tag}:{found.python}"
    dockerfile = f"FROM {found.reference}\nCOPY bust /etc/bench-bust\n"
    build_image(client, base, dockerfile, {"bust": tag.encode()})
    return _Sources(sources.stack, sources.by_hand, base, tag)


def _both(sources: _Sources) -> Pair:
    return Pair(_karst(sources), _by_hand(sources))


def _karst(sources: _Sources) -> float:
    """The build stage alone, by the program's own code: see `build_once`."""
    name = sources.base.partition(":")[0]
    env = {"KARST_BASE_IMAGE": name + ":{version}"}
    argv = [sys.executable, "-m", "bench.build_once"]
    places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    told = run(argv, cwd=sources.stack.folder, env=env).stdout
    return float(json.loads(told)["seconds"])


def _by_hand(sources: _Sources) -> float:
    builder = detect_builder(Processes(os.environ))
    buildx = ("buildx", "build", "--load") if builder.kind == "buildx" else ("build",)
    argv = [builder.program, *buildx, "--progress=plain"]
    argv += [f"--build-arg=BASE={sources.base}", f"--build-arg=CACHE={sources.tag}"]
    argv += ["--file=by_hand.Dockerfile", f"--tag=bench/by-hand:{sources.stack.name}"]
    return run([*argv, *_ca(os.environ), "."], cwd=sources.by_hand, env=_ON).seconds


_ON = {"DOCKER_BUILDKIT": "1"}


def _ca(environ: Mapping[str, str]) -> list[str]:
    """The bundle that karst's builds are given, where the machine names one."""
    bundle = environ.get("KARST_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    return [f"--secret=id=ca,src={bundle}"] if bundle else []
