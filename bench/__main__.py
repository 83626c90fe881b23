"""python -m bench [plan detection build fetch mesh memory recovery apply] [--quick]"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import docker

from bench import apply, build, detection, fetch, memory, mesh, plan, recovery
from bench.figures import Figure
from bench.images import build_trivial
from bench.options import Options, quick
from bench.running import BenchError
from bench.sweeping import sweep

_RESULT = Path("build/bench.json")
_PARTS: dict[str, tuple[str, Callable[[Options], Iterator[Figure]]]] = {
    "plan": (plan.TITLE, plan.measure),
    "detection": (detection.TITLE, detection.measure),
    "build": (build.TITLE, build.measure),
    "fetch": (fetch.TITLE, fetch.measure),
    "mesh": (mesh.TITLE, mesh.measure),
    "memory": (memory.TITLE, memory.measure),
    "recovery": (recovery.TITLE, recovery.measure),
    "apply": (apply.TITLE, apply.measure),
}


def main() -> int:
    """0 where everything was measured, whatever the figures; 1 where something was not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    parser.add_argument("--quick", action="store_true", help="few repeats, small sizes")
    given = parser.parse_args()
    if unknown := sorted(set(given.parts) - set(_PARTS)):
        parser.error(f"no part {', '.join(unknown)}; parts: {', '.join(_PARTS)}")
    signal.signal(signal.SIGTERM, _interrupt)
    client = docker.from_env(timeout=120, max_pool_size=32)
    sweep(client)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            choose = quick if given.quick else Options
            options = choose(client, build_trivial(client), Path(scratch))
            found, complete = _measure(given.parts or list(_PARTS), options)
        _write(found, is_quick=given.quick)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        # A second interrupt would leave containers behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("removing what was made", file=sys.stderr)
        sweep(client)
    return 0 if complete else 1


def _measure(
    parts: list[str], options: Options
) -> tuple[dict[str, list[dict[str, Any]]], bool]:
    found: dict[str, list[dict[str, Any]]] = {}
    complete = True
    for name in parts:
        title, measure = _PARTS[name]
        print(title, flush=True)
        found[name] = []
        try:
            for figure in measure(options):
                print(figure.line(), flush=True)
                found[name].append(figure.document())
        except BenchError as error:
            print(f"  not measured: {error}", flush=True)
            complete = False
    return found, complete


def _write(found: dict[str, list[dict[str, Any]]], *, is_quick: bool) -> None:
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "quick": is_quick,
        "parts": found,
    }
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written: {_RESULT}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
