"""A real git server over HTTP on loopback: git's own http-backend behind a small front.

It can want a token, forbid commits by id, send elsewhere, answer slowly, and serve LFS.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def run_git(folder: Path, *words: str) -> str:
    """Git with no settings but the test's own."""
    done = subprocess.run(
        [
            "git",
            *("-c", "user.name=n", "-c", "user.email=e@example.org"),
            *("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"),
            *words,
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        },
    )
    return done.stdout.strip()


@dataclass
class GitServer:
    """What it serves, and what it saw.

    Attributes:
        root: `owner/name.git` folders, bare or not.
        token: wanted as the password of everybody, or None.
        private: repositories (`owner/name`) that want the token; empty: all.
        old: speak protocol version 0, so that only refs' tips can be wanted.
        dumb: serve files only.
        sends_to: answer everything with a redirect to this URL.
        status: answer everything with this.
        asked: called at each request, while whoever asks waits for the answer.
        pause: held until set, where there is one.
        waited_out: whether somebody stayed for all of that pause, five minutes.
        trickles: answer in pieces: half of it in 2.5 s, the rest in 50 s.
        gone: set when somebody went before the end of an answer.
        endless: send LFS content for as long as anybody takes it, up to a minute.
        contents: LFS objects by SHA-256.
        seen: method, path and Authorization of each request.
    """

    root: Path
    url: str = ""
    token: str | None = None
    private: frozenset[str] = frozenset()
    old: bool = False
    dumb: bool = False
    sends_to: str = ""
    status: int = 0
    asked: Callable[[], None] = lambda: None
    pause: threading.Event | None = None
    waited_out: bool = False
    trickles: bool = False
    gone: threading.Event = field(default_factory=threading.Event)
    endless: bool = False
    contents: dict[str, bytes] = field(default_factory=dict)
    lfs_to: str = ""
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def passwords(self) -> set[str]:
        """Every password that somebody sent here."""
        found = set()
        for _, _, header in self.seen:
            if header:
                _, _, coded = header.partition(" ")
                found.add(base64.b64decode(coded).decode().partition(":")[2])
        return found

    def store(self, content: bytes) -> str:
        """Keep LFS content; return the pointer's text."""
        oid = hashlib.sha256(content).hexdigest()
        self.contents[oid] = content
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{oid}\nsize {len(content)}\n"
        )


class Handler(BaseHTTPRequestHandler):
    server_state: GitServer

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.answer(body)

    def answer(self, body: bytes) -> None:
        state = self.server_state
        authorization = self.headers.get("Authorization") or ""
        state.seen.append((self.command, self.path, authorization))
        state.asked()
        if state.pause:
            state.waited_out = not state.pause.wait(300)
        if state.sends_to:
            self.reply(302, {"Location": state.sends_to + self.path})
        elif state.status:
            self.reply(state.status, {})
        elif not self.allowed(authorization):
            self.reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
        elif "/info/lfs/" in self.path or self.path.startswith("/contents/"):
            self.answer_lfs(body)
        elif state.dumb:
            self.answer_file()
        else:
            self.answer_git(body)

    def allowed(self, authorization: str) -> bool:
        state = self.server_state
        open_to_all = state.private and not any(
            self.path.startswith(f"/{name}.git/") for name in state.private
        )
        if state.token is None or open_to_all:
            return True
        coded = base64.b64encode(f"x-access-token:{state.token}".encode()).decode()
        return authorization == f"Basic {coded}"

    def answer_git(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.server_state.root),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.server_state.root),
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
        }
        if not self.server_state.old:
            environment["HTTP_GIT_PROTOCOL"] = self.headers.get("Git-Protocol") or ""
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(
            line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line
        )
        code = int(headers.pop("Status", "200").split()[0])
        self.reply(code, headers, content)

    def answer_file(self) -> None:
        place = self.server_state.root / urlsplit(self.path).path.lstrip("/")
        if place.is_file():
            self.reply(200, {}, place.read_bytes())
        else:
            self.reply(404, {})

    def answer_lfs(self, body: bytes) -> None:
        state = self.server_state
        if self.path.startswith("/contents/"):
            if state.endless:
                self.send_response(200)
                self.end_headers()
                try:
                    for _ in range(1024):
                        self.wfile.write(bytes(1 << 20))
                        time.sleep(0.06)
                except ConnectionError:
                    state.gone.set()
                return
            content = state.contents.get(self.path.rpartition("/")[2])
            self.reply(200 if content else 404, {}, content or b"")
            return
        objects: list[dict[str, object]] = []
        for wanted in json.loads(body)["objects"]:
            oid = wanted["oid"]
            entry: dict[str, object] = {"oid": oid, "size": wanted["size"]}
            if oid in state.contents:
                href = f"{state.lfs_to or state.url}/contents/{oid}"
                entry["actions"] = {"download": {"href": href}}
            else:
                entry["error"] = {"code": 404, "message": "not there"}
            objects.append(entry)
        text = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.reply(200, {"Content-Type": "application/vnd.git-lfs+json"}, text)

    def reply(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        state = self.server_state
        step = max(1, len(body) // 50) if state.trickles else max(1, len(body))
        try:
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                if state.trickles and len(body) > 1000:
                    time.sleep(0.1 if start < len(body) // 2 else 2)
        except ConnectionError:
            state.gone.set()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(root: Path) -> Iterator[GitServer]:
    state = GitServer(root)
    handler = type("BoundHandler", (Handler,), {"server_state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
