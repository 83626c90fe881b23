"""A Docker engine of the test's own, in a network namespace of its own.

The engine at hand runs other people's containers; this one may be stopped and killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from snapshots import docker, until


class SecondEngine:
    """Everything of it is under one short path, for a socket's name is bounded."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="karst-engine-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._namespace: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.root}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers; raises OSError where it can't."""
        if self._namespace is None:
            script = "ip link set lo up; echo here; exec sleep 3600"
            words = ["unshare", "--net", "sh", "-c", script]
            self._namespace = subprocess.Popen(
                words, start_new_session=True, stdout=subprocess.PIPE
            )
            assert self._namespace.stdout
            with self._namespace.stdout as said:
                # Earlier, its namespace may be the host's, whose rules an engine changes.
                if said.readline() != b"here\n":
                    raise OSError("no network namespace can be made here")
        words = ["nsenter", f"--net=/proc/{self._namespace.pid}/ns/net", "dockerd"]
        words += [f"--data-root={self.root}/data", f"--exec-root={self.root}/exec"]
        words += [f"--host={self.host}", f"--pidfile={self.root}/pid"]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        until(self._is_there, 300, "the second engine answers")

    def _is_there(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise OSError((self.root / "log").read_text()[-2000:])
        # Without a format the client tells of itself, and that it does alone, too.
        told = "--format={{.Server.Version}}"
        return bool(docker("version", told, check=False, DOCKER_HOST=self.host).strip())

    def load(self, *images: str) -> None:
        """Copy images over from the engine at hand."""
        archive = self.root / "images.tar"
        docker("save", f"--output={archive}", *images)
        docker("load", "--quiet", f"--input={archive}", DOCKER_HOST=self.host)
        archive.unlink()

    def stop(self) -> None:
        """As an upgrade of the engine does: it ends its containers, and itself."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=300)

    def cut_off(self) -> None:
        """As a power cut does: everything dies at once, and the network goes with it."""
        while family := self._family():
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
        if self._process is not None:
            self._process.wait()
        self._end_namespace()
        self._unmount()
        # A machine's /run is empty when it comes up.
        shutil.rmtree(self.root / "exec", ignore_errors=True)
        (self.root / "pid").unlink(missing_ok=True)

    def close(self) -> None:
        self.cut_off()
        shutil.rmtree(self.root, ignore_errors=True)

    def _end_namespace(self) -> None:
        if self._namespace is not None:
            os.killpg(self._namespace.pid, signal.SIGKILL)
            self._namespace.wait()
            self._namespace = None

    def _family(self) -> set[int]:
        """The engine, its helpers (they name its path) and all that runs below them."""
        words = ["ps", "-eo", "pid=,ppid=,args="]
        listed = subprocess.run(words, capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        found = {int(r[0]) for r in rows if str(self.root) in r[2]} - {os.getpid()}
        if self._process is not None and self._process.poll() is not None:
            found.discard(self._process.pid)
        while more := {int(r[0]) for r in rows if int(r[1]) in found} - found:
            found |= more
        return found

    def _unmount(self) -> None:
        mounts = Path("/proc/mounts").read_text().splitlines()
        for place in [m.split()[1] for m in reversed(mounts)]:
            if place.startswith(f"{self.root}/"):
                subprocess.run(["umount", "--lazy", place], check=False)


@contextlib.contextmanager
def second_engine() -> Iterator[SecondEngine]:
    """A started engine; the test is skipped where none can be."""
    if os.geteuid() or not all(map(shutil.which, ("dockerd", "unshare", "nsenter"))):
        pytest.skip("a second engine needs root, dockerd and util-linux")
    engine = SecondEngine()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()
