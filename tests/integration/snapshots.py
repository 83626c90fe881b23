"""What a stack's containers are at one moment, and programs that run beside the test."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import LiveStack


def docker(*words: str, check: bool = True, **environ: str) -> str:
    """Run the docker client; returns its standard output."""
    done = subprocess.run(
        ["docker", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def apart(stack: LiveStack) -> LiveStack:
    """Give the stack a subnet that the engine never gives to a network by itself."""
    high, low = secrets.randbelow(180), secrets.randbelow(250)
    stack.subnet = f"10.{64 + high}.{low}.0/24"
    return stack


def snapshot(stack: LiveStack) -> dict[str, tuple[str, str, int]]:
    """Container => (id, start, restarts): equal means that nobody touched it."""
    return {
        c["Name"].lstrip("/"): (c["Id"], c["State"]["StartedAt"], c["RestartCount"])
        for c in stack.containers()
    }


def of_service(found: dict[str, Any], stack: LiveStack, service: str) -> set[str]:
    return {n for n in found if n.startswith(f"{stack.name}-{service}-")}


def volumes(stack: LiveStack) -> set[str]:
    """Names of all volumes that carry the stack's label."""
    label = f"--filter=label=karst.stack={stack.name}"
    return set(docker("volume", "ls", "-q", label).split())


def networks(stack: LiveStack) -> set[str]:
    label = f"--filter=label=karst.stack={stack.name}"
    found = docker("network", "ls", label, "--format={{.Name}}")
    return set(found.split())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def get(port: int, path: str = "/", timeout: float = 10) -> tuple[int, str]:
    """Status and body of a GET on a published port."""
    url = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until(condition: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for something true; returns the seconds it took, or fails the test."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(0.2)
    return time.monotonic() - began


def eventually_get(port: int, path: str = "/") -> tuple[int, str]:
    """GET, again while nothing listens."""
    with contextlib.suppress(OSError):
        return get(port, path)
    return (0, "")


@contextlib.contextmanager
def running(
    stack: LiveStack, *words: str, log: Path, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`karst WORDS` beside the test, both streams into `log`; killed at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "karst", *words],
            cwd=stack.folder,
            env={**os.environ, **stack.environ, **environ},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


def until_line(process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    """Wait until `text` stands in the log; fails when the program ends without it."""
    deadline = time.monotonic() + 120
    while text not in log.read_text(errors="replace"):
        ended = process.poll() is not None
        assert not ended, f"it ended without {text!r}:\n{log.read_text()}"
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def tally(port: int) -> dict[str, int]:
    status, text = get(port, "/tally")
    assert status == 200, text
    found: dict[str, int] = json.loads(text)
    return found


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and every program below it, as a machine that goes down does."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    family = {process.pid}
    while more := {pid for pid, above in pairs if above in family} - family:
        family |= more
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
