"""ssh:// as one forwarded socket: a single connection, checked, for the whole run.

One `ssh` logs in, asks the other side where its engine listens, and stays; the socket
is forwarded through it. Several clients that each dial ssh would be cut by sshd's
MaxStartups, and would each have to be taught which keys count.
"""

from __future__ import annotations

import contextlib
import http.client
import shlex
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from karst.effects.companion import Companion
from karst.effects.process import Processes
from karst.effects.ssh_words import (
    CLOSED,
    FOUND,
    SshAccess,
    explain,
    find_engine,
    forward,
    log_in,
)
from karst.effects.workspace import atomic_write
from karst.errors import EngineError

_LOGIN_SECONDS = 60.0
_COMPLAINT_SECONDS = 2.0


@dataclass
class Tunnel:
    """A forwarded engine socket.

    Attributes:
        path: the socket here.
        remote: the engine's socket on its own machine.
    """

    path: Path
    remote: str
    folder: Path
    companion: Companion

    def close(self) -> None:
        self.companion.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def open_tunnel(address: str, processes: Processes, access: SshAccess) -> Tunnel:
    """Log in and forward; raises EngineError, ToolMissingError."""
    # A socket's path is bounded by about a hundred characters, and ssh adds to it.
    folder = Path(tempfile.mkdtemp(prefix="karst-ssh-", dir=_short_folder()))
    companion = None
    try:
        files = _write(access, folder)
        control = folder / "control"
        script = find_engine(urlsplit(address).path)
        command = log_in(address, control, files, f"exec sh -c {shlex.quote(script)}")
        companion = Companion.start(processes, command)
        found = companion.line(FOUND, _LOGIN_SECONDS)
        # Who is logged in needs no key any more, and a crash would leave it there.
        for file in folder.glob("given-*"):
            file.unlink()
        if found is None:
            said = companion.complaints()
            companion.close()
            raise explain(address, said, has_key=bool(access.key))
        remote = _remote(address, found)
        path = folder / "docker.sock"
        outcome = processes.run(forward(address, control, path, remote))
        if not outcome.ok:
            raise explain(address, outcome.stderr, has_key=True)
        _try(address, path, companion)
    except BaseException:
        if companion:
            companion.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Tunnel(path, remote, folder, companion)


def _short_folder() -> str | None:
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > 50 and Path("/tmp").is_dir() else None  # noqa: S108


def _write(access: SshAccess, folder: Path) -> SshAccess:
    """The same with texts as files."""
    key, known = access.key, access.known_hosts
    if "-----BEGIN" in key:
        # A pipeline's secret store likes to take the last line end, or to add a CR.
        text = "\n".join(line.rstrip() for line in key.strip().splitlines()) + "\n"
        atomic_write(folder / "given-key", text, mode=0o600)
        key = str(folder / "given-key")
    if len(known.split()) > 1:
        atomic_write(folder / "given-hosts", known.strip() + "\n", mode=0o600)
        known = str(folder / "given-hosts")
    for name in filter(None, (key, known)):
        if not Path(name).is_file():
            raise EngineError(
                "there is no such file, and it is neither a key nor lines of known_hosts",
                where=name if len(name) < 200 else f"{name[:20]}…",
                remedy="give the text itself, or the path of a file that holds it",
            )
    return SshAccess(key, known)


def _remote(address: str, line: str) -> str:
    """The socket's path there, from what the other side said."""
    _, word, *rest = line.split(" ", 2)
    path = rest[0] if rest else ""
    if word == "at":
        return path
    sentences = {
        "none": (
            "there is no Docker engine on that machine",
            "install one there, or name its socket: ssh://user@host/path/docker.sock",
        ),
        "missing": (
            f"there is no socket at {path} on that machine",
            "correct the path in the address, or start the engine there",
        ),
        "denied": (
            f"the account there may not speak to {path}",
            "put it into the group that owns the socket (`usermod -aG docker USER`, then a new login), or use its own rootless engine",
        ),
        "other": (
            f"the engine there is told by DOCKER_HOST as {path}, which is no socket of that machine",
            "name its socket: ssh://user@host/path/docker.sock",
        ),
    }
    what, remedy = sentences.get(word, (line, ""))
    raise EngineError(what, where=address, remedy=remedy)


def _try(address: str, path: Path, companion: Companion) -> None:
    """One request through the tunnel: that sshd lets it through shows only then."""
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as line:
            line.settimeout(20)
            line.connect(str(path))
            line.sendall(
                b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
            )
            with http.client.HTTPResponse(line) as answer:
                answer.begin()
                if answer.status == 200:
                    return
    except (OSError, http.client.HTTPException) as error:
        # The socket's end here is ssh's: that it is closed says nothing of the machine.
        said = companion.complaints(CLOSED, _COMPLAINT_SECONDS)
        if not companion.running:
            raise explain(address, said, has_key=True) from None
        raise explain(address, f"{said}\n{CLOSED}: {error}", has_key=True) from None
    raise EngineError(
        f"the Docker engine there answers {answer.status} to a ping",
        where=address,
        remedy="see its log: `journalctl -u docker` there",
    )
