"""Starts the example's apps as plain processes on this machine's loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from karst.inspection.resolve import resolve_entrypoint
from tests.networks import free_port as free_port

T = TypeVar("T")
SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
NAMES = ("web", "api", "pricing", "store", "worker", "migrate")


def wait_for(ask: Callable[[], T], what: str, seconds: float = 120) -> T:
    """Ask until the answer is true; AssertionError and OSError count as no."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            if answer := ask():
                return answer
            last = answer
        except (AssertionError, OSError) as error:
            last = error
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s: {what}; last: {last!r}")


@dataclass
class App:
    """A started app and what it has said."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 120) -> int:
        """Send `how` unless it has ended, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=seconds)


@dataclass
class Starter:
    """Starts apps as their entrypoint says, from a copy of the example."""

    folder: Path
    programs: Path
    apps: list[App] = field(default_factory=list)

    def start(self, name: str, **variables: str) -> App:
        tree = self.folder / name
        entrypoint = resolve_entrypoint(tree)
        output = self.folder / f"{name}-{len(self.apps)}.log"
        environment = {
            "PATH": f"{self.programs}{os.pathsep}{os.defpath}",
            "PYTHONPATH": entrypoint.python_path.replace("/app", str(tree), 1),
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        program = shutil.which(entrypoint.command[0], path=environment["PATH"])
        assert program, f"{entrypoint.command[0]} is not installed"
        with output.open("wb") as out:
            process = subprocess.Popen(
                [program, *entrypoint.command[1:]],
                cwd=tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        app = App(name, process, output)
        self.apps.append(app)
        return app

    def end_all(self) -> None:
        for app in self.apps:
            if app.process.poll() is None:
                app.process.kill()
            app.process.wait()


def make_starter(folder: Path, programs: Path) -> Starter:
    for name in NAMES:
        shutil.copytree(SHOP / name, folder / name)
    return Starter(folder, programs)


class StoreSession:
    """A conversation with the store; `banner` is what it said first."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._stream = self._socket.makefile("rwb")
        self.banner: dict[str, Any] = json.loads(self._stream.readline())

    def __enter__(self) -> StoreSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def say(self, line: bytes) -> dict[str, Any]:
        self._stream.write(line)
        self._stream.flush()
        answer: dict[str, Any] = json.loads(self._stream.readline())
        return answer

    def ask(self, op: str, **arguments: object) -> Any:
        answer = self.say(json.dumps({"op": op, **arguments}).encode() + b"\n")
        return answer["result"] if answer["ok"] else answer["error"]
