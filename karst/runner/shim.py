"""Starts an app, and keeps it: pid 1 of the images that karst builds.

    python3 shim.py -- PROGRAM ARGUMENT...

Copied into images as this one file; Python 3.8 or newer, standard library only, one
thread, runs as the app's own user. Variables: KARST_KIND=job (run once, exit with the
app's code), KARST_SHIM=standalone (no sidecar: start at once).
"""

from __future__ import annotations

import errno
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
FIRST_PAUSE, LONGEST_PAUSE, STEADY = 0.5, 30.0, 60.0
MAX_TEXT, MAX_QUEUE, MAX_OUTPUT = 8192, 2000, 4096
RECONNECT = 0.2
FORWARDED = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH", "CONT")
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


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
            say("secret %s holds a NUL byte: left as the file %s" % (name, path))
            continue
        if content.endswith(b"\n"):
            content = content[:-2] if content.endswith(b"\r\n") else content[:-1]
        found[name] = os.fsdecode(content)
    return found


def oom_kills() -> int:
    """How often the kernel has ended a process of this container for want of memory."""
    for path in ("memory.events", "memory/memory.oom_control"):
        try:
            with open("/sys/fs/cgroup/" + path) as file:
                counts = dict(line.split() for line in file)
            return int(counts.get("oom_kill", 0))
        except (OSError, ValueError):
            continue
    return 0


def exit_reason(status: int, kills: int) -> tuple[int, str | None, str]:
    """Exit code as a shell gives it, signal name, and one phrase, of a wait status."""
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return code, None, "exit status %d" % code
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "signal %d" % number
    hint = ", out of memory" if number == signal.SIGKILL and kills else ""
    return 128 + number, name, "killed by %s%s" % (name, hint)


def say(text: str) -> None:
    os.write(2, ("karst-shim: %s\n" % text).encode("utf-8", "backslashreplace"))


class Agent:
    """The connection to the sidecar; queues within bounds, never blocks, never fails."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.ready = not wanted
        self.state: dict[str, Any] | None = None
        self.socket: socket.socket | None = None
        self.queue: list[bytes] = []
        self.dropped = 0
        self.retry_at = 0.0
        self._sending = b""
        self._received = b""

    def connect(self, now: float) -> None:
        if not self.wanted or self.socket or now < self.retry_at:
            return
        self.retry_at = now + RECONNECT
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(AGENT)
        except OSError:
            connection.close()
            return
        self.socket, self._sending, self._received = connection, b"", b""
        first = [{"type": "hello", "pid": os.getpid()}]
        self.queue[:0] = [
            encode(m) for m in first + ([self.state] if self.state else [])
        ]

    def tell(self, **message: Any) -> None:
        if not self.wanted:
            return
        if message["type"] in ("started", "exited"):
            self.state = message
            if not self.socket:
                return
        elif len(self.queue) >= MAX_QUEUE:
            self.dropped += 1
            return
        if self.dropped:
            text = "%d lines dropped here: the sidecar did not take them" % self.dropped
            self.dropped = 0
            self.tell(type="log", time=time.time(), stream="karst", text=text)
        self.queue.append(encode(message))

    def send(self) -> None:
        try:
            while self.socket and (self._sending or self.queue):
                if not self._sending:
                    self._sending = b"".join(self.queue[:64])
                    del self.queue[:64]
                sent = self.socket.send(self._sending)
                self._sending = self._sending[sent:]
        except BlockingIOError:
            return
        except OSError:
            self.lose()

    def pending(self) -> bool:
        return bool(self.socket and (self._sending or self.queue))

    def receive(self) -> list[dict[str, Any]]:
        try:
            piece = self.socket.recv(65536) if self.socket else b""
        except BlockingIOError:
            return []
        except OSError:
            piece = b""
        if not piece or len(self._received) > 65536:
            self.lose()
            return []
        *lines, self._received = (self._received + piece).split(b"\n")
        return [json.loads(line) for line in lines]

    def lose(self) -> None:
        if self.socket:
            self.socket.close()
        # Without its sidecar an app is not started again; one that runs is left alone.
        self.socket, self.ready = None, False


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


class Stream:
    """One output of the app: passed on byte for byte, and line by line to the agent."""

    def __init__(self, name: str, source: int, target: int, agent: Agent) -> None:
        self.name, self.source, self.target, self.agent = name, source, target, agent
        self._rest = b""

    def pump(self) -> bool:
        """Pass on what is there; False at the stream's end."""
        try:
            piece = os.read(self.source, 65536)
        except BlockingIOError:
            return True
        view = piece
        while view:
            try:
                view = view[os.write(self.target, view) :]
            except OSError:
                break
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_TEXT or (self._rest and not piece):
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line[:MAX_TEXT].decode("utf-8", "replace").rstrip("\r")
            self.agent.tell(type="log", time=time.time(), stream=self.name, text=text)
        return bool(piece)


class Shim:
    def __init__(self, argv: list[str], job: bool, standalone: bool) -> None:
        self.argv, self.job = argv, job
        self.agent = Agent(wanted=not standalone)
        self.app = 0
        self.restarts = 0
        self.started_at = self.start_at = 0.0
        self.pause = FIRST_PAUSE
        self.kills = 0
        self.ending = 0
        self.exit_code: int | None = None
        self.streams: dict[int, Stream] = {}
        self.command: dict[str, Any] | None = None
        self.wake, self._waker = os.pipe()
        for end in (self.wake, self._waker):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Run until the app is done (a job) or was told to end; its exit code."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for name in FORWARDED:
            signal.signal(getattr(signal, "SIG" + name), self.forward)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        waiting_since = time.monotonic()
        while self.exit_code is None:
            now = time.monotonic()
            self.agent.connect(now)
            if not self.app and self.agent.ready and now >= self.start_at:
                self.start(now)
            elif not self.agent.ready and not self.app and now > waiting_since + 10:
                say("waiting for the sidecar")
                waiting_since = now
            self.end_late_command(now)
            self.wait(now)
            self.reap()
        self.flush(1.0)
        return self.exit_code

    def wait(self, now: float) -> None:
        """Sleep until something happens, and take it in."""
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        for source in self.streams:
            poll.register(source, select.POLLIN)
        timeout = 60.0
        if self.agent.socket:
            wanted = select.POLLIN | (select.POLLOUT if self.agent.pending() else 0)
            poll.register(self.agent.socket, wanted)
        elif self.agent.wanted:
            timeout = RECONNECT
        if not self.app and self.agent.ready:
            timeout = min(timeout, self.start_at - now)
        if self.command:
            timeout = min(timeout, self.command["deadline"] - now)
        agent = self.agent.socket
        for source, _ in poll.poll(max(0.0, timeout) * 1000 + 1):
            if source == self.wake:
                os.read(self.wake, 512)
            elif source in self.streams:
                if not self.streams[source].pump():
                    os.close(source)
                    del self.streams[source]
            elif agent and agent is self.agent.socket:
                self.agent.send()
                if self.agent.socket:
                    self.listen()

    def listen(self) -> None:
        for message in self.agent.receive():
            if message.get("type") == "ready":
                self.agent.ready = True
            elif message.get("type") == "run" and not self.command:
                self.start_command(message)

    def start(self, now: float) -> None:
        self.kills = oom_kills()
        outputs = []
        for name, target in (("stdout", 1), ("stderr", 2)):
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            self.streams[reading] = Stream(name, reading, target, self.agent)
            outputs.append(writing)
        self.app = self.spawn(self.argv, *outputs)
        for writing in outputs:
            os.close(writing)
        self.started_at = now
        self.agent.tell(
            type="started", pid=self.app, restarts=self.restarts, time=time.time()
        )

    def spawn(self, argv: list[str], out: int, err: int) -> int:
        """Start a program in a session of its own; returns its pid."""
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            os.dup2(out, 1)
            os.dup2(err, 2)
            signal.set_wakeup_fd(-1)
            # Python ignores these two, and exec would hand that down.
            defaults = ["SIG" + name for name in FORWARDED]
            for name in [*defaults, "SIGCHLD", "SIGPIPE", "SIGXFSZ"]:
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            os.execvpe(argv[0], argv, {**os.environ, **read_secrets(SECRETS)})
        except OSError as error:
            say("cannot start %s: %s" % (argv[0], error.strerror))
            os._exit(127 if error.errno == errno.ENOENT else 126)
        except BaseException as error:
            say("cannot start %s: %r" % (argv[0], error))
        os._exit(126)

    def forward(self, number: int, _: object) -> None:
        if number in ENDING:
            self.ending = number
        if self.app:
            os.kill(self.app, number)
        elif number in ENDING:
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
            elif self.command and pid == self.command["pid"]:
                self.command_ended(status)

    def ended(self, status: int) -> None:
        now = time.monotonic()
        kill_group(self.app)
        self.app = 0
        for stream in list(self.streams.values()):
            while stream.pump() and select.select([stream.source], [], [], 0)[0]:
                pass
        code, name, reason = exit_reason(status, oom_kills() - self.kills)
        final = self.job or self.ending
        if now - self.started_at >= STEADY:
            self.pause = FIRST_PAUSE
        pause, self.start_at = self.pause, now + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.restarts += 0 if final else 1
        self.agent.tell(
            type="exited",
            code=code,
            signal=name,
            reason=reason,
            restarts=self.restarts,
            next_start_in=None if final else pause,
        )
        if final:
            self.exit_code = code
        else:
            say("the app ended (%s), next start in %g s" % (reason, pause))

    def start_command(self, message: dict[str, Any]) -> None:
        reading, writing = os.pipe()
        pid = self.spawn([str(word) for word in message["command"]], writing, writing)
        os.close(writing)
        os.set_blocking(reading, False)
        deadline = time.monotonic() + float(message["timeout"])
        self.command = {
            "id": message["id"],
            "pid": pid,
            "output": reading,
            "deadline": deadline,
        }

    def end_late_command(self, now: float) -> None:
        if self.command and now >= self.command["deadline"]:
            kill_group(self.command["pid"])

    def command_ended(self, status: int) -> None:
        command, self.command = self.command, None
        assert command is not None
        kill_group(command["pid"])
        try:
            output = os.read(command["output"], MAX_OUTPUT)
        except BlockingIOError:
            output = b""
        os.close(command["output"])
        self.agent.tell(
            type="command-result",
            id=command["id"],
            code=exit_reason(status, 0)[0],
            output=output.decode("utf-8", "replace"),
        )

    def flush(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.agent.pending() and time.monotonic() < deadline:
            self.agent.send()
            time.sleep(0.01)


def kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def main() -> NoReturn:
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        say("usage: shim.py -- PROGRAM ARGUMENT...")
        sys.exit(64)
    shim = Shim(
        sys.argv[2:],
        job=os.environ.get("KARST_KIND") == "job",
        standalone=os.environ.get("KARST_SHIM") == "standalone",
    )
    sys.exit(shim.run())


if __name__ == "__main__":
    main()
