"""Starts an app, and keeps it: pid 1 of the images that karst builds.

    python3 shim.py -- PROGRAM ARGUMENT...

Copied into images as this one file; Python 3.8 or newer, standard library only, one
thread, runs as the app's own user. Variables: KARST_KIND=job (run once, exit with the
app's code), KARST_SHIM=standalone (no sidecar: start at once).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

AGENT = b"\0karst/agent"
SECRETS = "/run/secrets"
FIRST_PAUSE, LONGEST_PAUSE, STEADY, RECONNECT = 0.5, 30.0, 60.0, 0.2
MAX_TEXT, MAX_QUEUE = 8192, 256 * 1024
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
FORWARDED = (*ENDING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
# Python ignores the last two, and exec would hand that down.
RESTORED = (*FORWARDED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


def read_secrets(folder: str) -> dict[str, str]:
    """Each file's name and text, one trailing newline kept off."""
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if name.startswith(".") or "=" in name or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        if b"\0" in content:
            say(f"secret {name} holds a NUL byte: left as the file {path}")
            continue
        if content.endswith(b"\n"):
            content = content[: -2 if content.endswith(b"\r\n") else -1]
        found[name] = os.fsdecode(content)
    return found


def oom_kills() -> int:
    """How often the kernel has ended a process of this container for want of memory."""
    for path in ("memory.events", "memory/memory.oom_control"):
        try:
            with open("/sys/fs/cgroup/" + path) as file:
                return int(dict(line.split() for line in file).get("oom_kill", 0))
        except (OSError, ValueError):
            continue
    return 0


def exit_reason(status: int, kills: int) -> tuple[int, str | None, str]:
    """Exit code as a shell gives it, signal name, and one phrase, of a wait status."""
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return code, None, f"exit status {code}"
    number = os.WTERMSIG(status)
    name = next((s.name for s in signal.Signals if s == number), f"signal {number}")
    hint = ", out of memory" if number == signal.SIGKILL and kills > 0 else ""
    return 128 + number, name, f"killed by {name}{hint}"


def say(text: str) -> None:
    os.write(2, f"karst-shim: {text}\n".encode("utf-8", "backslashreplace"))


def kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


class Agent:
    """The line to the sidecar: bounded, never blocks, never fails."""

    def __init__(self, wanted: bool) -> None:
        self.wanted, self.ready = wanted, not wanted
        self.socket: socket.socket | None = None
        self.out = bytearray()
        self._state: dict[str, Any] = {}
        self._dropped, self._retry_at, self._received = 0, 0.0, b""

    def connect(self, now: float) -> None:
        if not self.wanted or self.socket or now < self._retry_at:
            return
        self._retry_at = now + RECONNECT
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(AGENT)
        except OSError:
            connection.close()
            return
        self.socket, self._received = connection, b""
        state = encode(**self._state) if self._state else b""
        self.out[:0] = encode(type="hello", pid=os.getpid()) + state

    def tell(self, **message: Any) -> None:
        if message["type"] in ("started", "exited"):
            self._state = message
            if not self.socket:
                return
        elif not self.wanted or len(self.out) > MAX_QUEUE:
            self._dropped += 1
            return
        elif self._dropped:
            text = f"{self._dropped} lines left out: the sidecar did not take them"
            self._dropped = 0
            self.tell(type="log", time=time.time(), stream="karst", text=text)
        self.out += encode(**message)

    def send(self) -> None:
        while self.socket and self.out:
            try:
                del self.out[: self.socket.send(self.out)]
            except BlockingIOError:
                return
            except OSError:
                self.lose()

    def receive(self) -> list[dict[str, Any]]:
        try:
            piece = self.socket.recv(65536) if self.socket else b""
        except BlockingIOError:
            return []
        except OSError:
            piece = b""
        if not piece:
            self.lose()
        *lines, self._received = (self._received + piece).split(b"\n")
        return [json.loads(line) for line in lines]

    def lose(self) -> None:
        if self.socket:
            self.socket.close()
            # The next connection must begin with a whole message.
            self._dropped += self.out.count(b"\n")
            self.out.clear()
        # Without its sidecar an app is not started again; one that runs is left alone.
        self.socket, self.ready = None, not self.wanted


def encode(**message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


class Stream:
    """One output of the app: passed on byte for byte, and line by line to the agent."""

    def __init__(self, name: str, target: int, agent: Agent) -> None:
        self.source, self.writing = os.pipe()
        os.set_blocking(self.source, False)
        self._name, self._target, self._agent, self._rest = name, target, agent, b""

    def pump(self) -> bool:
        """Pass on what is there; False at the stream's end."""
        piece = view = os.read(self.source, 65536)
        while view:
            try:
                view = view[os.write(self._target, view) :]
            except OSError:
                break
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_TEXT or (self._rest and not piece):
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line[:MAX_TEXT].decode("utf-8", "replace").rstrip("\r")
            self._agent.tell(type="log", time=time.time(), stream=self._name, text=text)
        return bool(piece)


class Shim:
    def __init__(self, argv: list[str], job: bool, standalone: bool) -> None:
        self.argv, self.job, self.agent = argv, job, Agent(wanted=not standalone)
        self.app = self.restarts = self.kills = self.ending = 0
        self.started_at, self.start_at, self.pause = 0.0, 0.0, FIRST_PAUSE
        self.exit_code: int | None = None
        self.streams: dict[int, Stream] = {}
        self.wake, self.waker = os.pipe()

    def run(self) -> int:
        """Run until the app is done (a job) or was told to end; its exit code."""
        for end in (self.wake, self.waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in FORWARDED:
            signal.signal(number, self.forward)
        waiting_since = time.monotonic()
        while self.exit_code is None:
            now = time.monotonic()
            self.agent.connect(now)
            if not self.app and self.agent.ready and now >= self.start_at:
                self.start(now)
            elif not self.app and not self.agent.ready and now > waiting_since + 10:
                say("waiting for the sidecar")
                waiting_since = now
            self.wait(now)
            self.reap()
        if self.agent.socket:
            self.agent.socket.settimeout(1.0)
            self.agent.send()
        return self.exit_code

    def wait(self, now: float) -> None:
        """Sleep until something happens, and take it in."""
        agent: list[Any] = [self.agent.socket] if self.agent.socket else []
        timeout = 60.0 if agent or not self.agent.wanted else RECONNECT
        if not self.app and self.agent.ready:
            timeout = max(0.0, min(timeout, self.start_at - now))
        reading = [self.wake, *self.streams, *agent]
        writing = agent if self.agent.out else []
        for source in select.select(reading, writing, [], timeout)[0]:
            if source == self.wake:
                os.read(self.wake, 512)
            elif source in self.streams and not self.streams[source].pump():
                os.close(source)
                del self.streams[source]
        self.agent.send()
        for message in self.agent.receive():
            if message.get("type") == "ready":
                self.agent.ready = True
            elif message.get("type") == "run":
                self.answer(message)

    def start(self, now: float) -> None:
        self.kills, self.started_at = oom_kills(), now
        streams = [Stream("stdout", 1, self.agent), Stream("stderr", 2, self.agent)]
        # A signal that comes now waits until it is clear whose it is.
        signal.pthread_sigmask(signal.SIG_BLOCK, RESTORED)
        self.app = os.fork()
        if not self.app:
            self.become_app([stream.writing for stream in streams])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RESTORED)
        for stream in streams:
            self.streams[stream.source] = stream
            os.close(stream.writing)
        state = {"pid": self.app, "restarts": self.restarts, "time": time.time()}
        self.agent.tell(type="started", **state)

    def become_app(self, outputs: list[int]) -> NoReturn:
        """In the forked child: the app, in a session of its own."""
        code = 126
        try:
            leave_shim()
            for target, output in enumerate(outputs, start=1):
                os.dup2(output, target)
            os.execvpe(self.argv[0], self.argv, environment())
        except Exception as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            say(f"cannot start {self.argv[0]}: {error}")
        finally:
            os._exit(code)

    def answer(self, message: dict[str, Any]) -> None:
        """Run a health command in a child that reports by itself, over its own line."""
        if os.fork():
            return
        try:
            leave_shim()
            import subprocess

            limit = float(message["timeout"])
            argv = [str(word) for word in message["command"]]
            options: Any = {"stderr": subprocess.STDOUT, "stdout": subprocess.PIPE}
            try:
                done = subprocess.run(argv, timeout=limit, env=environment(), **options)
                code, text = done.returncode, done.stdout.decode("utf-8", "replace")
            except (OSError, subprocess.TimeoutExpired) as error:
                code, text = 127, str(error)
            told = {"id": message["id"], "code": code, "output": text[-MAX_TEXT:]}
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.connect(AGENT)
                line.sendall(encode(type="command-result", **told))
        finally:
            kill_group(0)

    def forward(self, number: int, _: object) -> None:
        self.ending = self.ending or number in ENDING
        if self.app:
            try:
                os.kill(self.app, number)
            except ProcessLookupError:
                return  # It was reaped just now, and `ended` comes next.
        elif self.ending:
            self.exit_code = 128 + number

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.app:
                self.ended(status)

    def ended(self, status: int) -> None:
        now, leader, self.app = time.monotonic(), self.app, 0
        kill_group(leader)
        for source, stream in self.streams.items():
            while select.select([source], [], [], 0)[0] and stream.pump():
                pass
        code, name, reason = exit_reason(status, oom_kills() - self.kills)
        final = self.job or self.ending
        if now - self.started_at >= STEADY:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.start_at = now + pause
        self.restarts += 0 if final else 1
        told: dict[str, Any] = {"code": code, "signal": name, "reason": reason}
        told.update(restarts=self.restarts, next_start_in=None if final else pause)
        self.agent.tell(type="exited", **told)
        if final:
            self.exit_code = code
        else:
            say(f"the app ended ({reason}), next start after {pause:g} s")


def leave_shim() -> None:
    """In a forked child: a session of its own, and signals as the engine gave them."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in RESTORED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, RESTORED)


def environment() -> dict[str, str]:
    return {**os.environ, **read_secrets(SECRETS)}


def main() -> NoReturn:
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        say("usage: shim.py -- PROGRAM ARGUMENT...")
        sys.exit(64)
    job = os.environ.get("KARST_KIND") == "job"
    standalone = os.environ.get("KARST_SHIM") == "standalone"
    sys.exit(Shim(sys.argv[2:], job, standalone).run())


if __name__ == "__main__":
    main()
