"""What a stack's containers are at one moment, and programs that run beside the test."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.networks import free_port as free_port
from tests.networks import free_subnet

if TYPE_CHECKING:
    from conftest import LiveStack


def docker(*words: str, check: bool = True, **environ: str) -> str:
    """Run the docker client; returns its standard output."""
    done = subprocess.run(
        ["docker", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def apart(stack: LiveStack) -> LiveStack:
    """Give the stack a range of its own."""
    stack.subnet = free_subnet()
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


def get(port: int, path: str = "/", timeout: float = 60) -> tuple[int, str]:
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
    """GET, (0, "") where nobody answers: who asks again need not wait long for one."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return get(port, path, timeout=10)
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
    deadline = time.monotonic() + 400
    while True:
        # In this order: what ends after the look may have said it.
        ended = process.poll() is not None
        said = log.read_text(errors="replace")
        if text in said:
            return
        assert not ended, f"it ended without {text!r}:\n{said}"
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


def tally(port: int) -> dict[str, int]:
    status, text = get(port, "/tally")
    assert status == 200, text
    found: dict[str, int] = json.loads(text)
    return found


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and every program below it, as a machine that goes down does."""
    family = {process.pid}
    # Who is stopped starts nobody more: the last look finds all of them.
    while True:
        _signal_all(family, signal.SIGSTOP)
        found = _with_children(family)
        if found == family:
            break
        family = found
    _signal_all(family, signal.SIGKILL)
    process.wait()


def _with_children(family: set[int]) -> set[int]:
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = set(family)
    while more := {pid for pid, above in pairs if above in found} - found:
        found |= more
    return found


def _signal_all(family: set[int], number: signal.Signals) -> None:
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
