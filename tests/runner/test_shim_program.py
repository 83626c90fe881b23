"""The shim as the process it is, with a stand-in for the agent at its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from karst.runner import shim

pytestmark = pytest.mark.processes
SHIM = Path(shim.__file__)


Start = Callable[..., subprocess.Popen[str]]


def popen(*argv: str, shim: Path = SHIM, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(shim), "--", *argv],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_job(*argv: str) -> tuple[int, str, str]:
    with popen(*argv, KARST_KIND="job", KARST_SHIM="standalone") as child:
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err


class Agent:
    """The sidecar's end of the socket."""

    def __init__(self, address: bytes) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen()
        self.listener.settimeout(60)
        self.connections: list[socket.socket] = []

    def accept(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(60)
        self.connections.append(connection)
        return connection

    def meet(self) -> tuple[socket.socket, Iterator[dict[str, Any]]]:
        """The shim's connection, and its messages."""
        connection = self.accept()
        messages = read(connection)
        assert next(messages)["type"] == "hello"
        return connection, messages

    def close(self) -> None:
        for each in (self.listener, *self.connections):
            each.close()


def read(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """The messages of a connection until its end."""
    rest = b""
    while piece := connection.recv(65536):
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)


def say(connection: Any, **message: Any) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def first(messages: Any, kind: str) -> dict[str, Any]:
    return next(message for message in messages if message["type"] == kind)


@pytest.fixture
def address() -> bytes:
    """Where the agent is, instead of where another run on this machine has its own."""
    return f"\0karst/test/{uuid.uuid4().hex}".encode()


@pytest.fixture
def agent(address: bytes) -> Iterator[Agent]:
    stand_in = Agent(address)
    yield stand_in
    stand_in.close()


@pytest.fixture
def start(address: bytes, tmp_path: Path) -> Iterator[Start]:
    """Starts a shim; whatever still runs at the test's end is ended."""
    children: list[subprocess.Popen[str]] = []
    line = 'AGENT = b"\\0karst/agent"\n'
    before, found, after = SHIM.read_text().partition(line)
    assert found
    moved = tmp_path / "shim.py"
    moved.write_text(f"{before}AGENT = {address!r}\n{after}")

    def start(*argv: str, **env: str) -> subprocess.Popen[str]:
        children.append(popen(*argv, shim=moved, **env))
        return children[-1]

    yield start
    for child in children:
        child.terminate()
        child.communicate(timeout=60)


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("true", 0)]
)
def test_a_job_s_code_is_the_app_s(script: str, code: int) -> None:
    assert run_job("sh", "-c", script) == (code, "", "")


def test_output_is_passed_on_byte_for_byte() -> None:
    script = "printf 'a\\nb'; printf 'c' >&2"
    assert run_job("sh", "-c", script) == (0, "a\nb", "c")


def test_a_program_that_is_not_there() -> None:
    assert run_job("/no/such") == (
        127,
        "",
        (
            "karst-shim: cannot start /no/such: "
            "[Errno 2] No such file or directory: '/no/such'\n"
        ),
    )


def test_without_a_program() -> None:
    done = subprocess.run([sys.executable, SHIM], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        64,
        "karst-shim: usage: shim.py -- PROGRAM ARGUMENT...\n",
    )


def test_secrets_become_variables(tmp_path: Path) -> None:
    for name, content in {
        "PLAIN": b"one\n",
        "TWO_LINES": b"a\nb\n\n",
        "WINDOWS": b"x\r\n",
        "NONE": b"",
        "BINARY": b"a\0b",
        "odd=name": b"x",
        ".hidden": b"x",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    assert shim.read_secrets(str(tmp_path)) == {
        "PLAIN": "one",
        "TWO_LINES": "a\nb\n",
        "WINDOWS": "x",
        "NONE": "",
    }
    assert shim.read_secrets(str(tmp_path / "nowhere")) == {}


@pytest.mark.parametrize(
    ("status", "kills", "expected"),
    [
        (0, 0, (0, None, "exit status 0")),
        (3 << 8, 0, (3, None, "exit status 3")),
        (15, 0, (143, "SIGTERM", "killed by SIGTERM")),
        (9, 0, (137, "SIGKILL", "killed by SIGKILL")),
        (9, 1, (137, "SIGKILL", "killed by SIGKILL, out of memory")),
        (40, 0, (168, "signal 40", "killed by signal 40")),
    ],
)
def test_exit_reasons(status: int, kills: int, expected: tuple[Any, ...]) -> None:
    assert shim.exit_reason(status, kills) == expected


def test_it_restarts_with_growing_pauses(start: Start) -> None:
    began = time.monotonic()
    child = start("sh", "-c", "echo up; exit 1", KARST_SHIM="standalone")
    lines = [child.stdout.readline() for _ in range(3)]  # type: ignore[union-attr]
    passed = time.monotonic() - began
    told = [child.stderr.readline() for _ in range(3)]  # type: ignore[union-attr]
    # In the third pause.
    child.terminate()
    child.communicate(timeout=60)
    assert lines == ["up\n"] * 3
    assert passed >= 1.5
    assert told == [
        f"karst-shim: the app ended (exit status 1), next start after {pause} s\n"
        for pause in ("0.5", "1", "2")
    ]
    # Told to end while nothing runs: as if the signal had ended it.
    assert child.returncode == 143


def test_signals_reach_the_app_and_its_code_is_kept(start: Start) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    child = start("sh", "-c", script, KARST_SHIM="standalone")
    assert child.stdout.readline() == "up\n"  # type: ignore[union-attr]
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=60)
    assert (out, child.returncode) == ("bye\n", 5)


def test_a_signal_that_comes_when_the_app_has_just_ended_is_no_fault() -> None:
    code = (
        f"import os, runpy, signal, sys; sys.argv = [{str(SHIM)!r}, '--', 'true']\n"
        "def wait(*words):\n"
        "    ended = found(*words)\n"
        "    if ended[0]: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return ended\n"
        "found, os.waitpid = os.waitpid, wait\n"
        f"runpy.run_path({str(SHIM)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KARST_KIND": "job", "KARST_SHIM": "standalone"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_app_gets_signals_as_the_engine_gave_them() -> None:
    code, out, _ = run_job(
        "sh",
        "-c",
        "grep -E '^Sig(Ign|Blk)' /proc/self/status; ps -o sid= -p $$; echo $$",
    )
    ignored, *ids = [word for word in out.split() if not word.startswith("Sig")][1:]
    # A test runner's parents may have left some ignored.
    given = subprocess.check_output(["grep", "SigIgn", "/proc/self/status"], text=True)
    # 32 and 33 are the C library's own: nobody can set them back.
    left = int(given.split()[1], 16) | 1 << 31 | 1 << 32
    assert (code, int(ignored, 16) & ~left) == (0, 0)
    assert ids[0] == ids[1]


def test_what_the_app_leaves_behind_is_ended() -> None:
    code, out, _ = run_job("sh", "-c", "sleep 300 & echo $!")
    assert code == 0
    deadline = time.monotonic() + 60
    while is_running(int(out)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    # Whoever inherits a killed process may be slow to reap it.
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_no_app_starts_before_its_sidecar(agent: Agent, start: Start) -> None:
    child = start("sh", "-c", "echo up", KARST_KIND="job")
    connection, messages = agent.meet()
    time.sleep(0.5)
    assert child.poll() is None
    say(connection, type="ready")
    assert first(messages, "started")["restarts"] == 0
    assert first(messages, "log")["text"] == "up"
    told = first(messages, "exited")
    assert told == {
        "type": "exited",
        "code": 0,
        "signal": None,
        "reason": "exit status 0",
        "restarts": 0,
        "next_start_in": None,
    }
    out, err = child.communicate(timeout=60)
    assert out == "up\n"
    # Said once for every ten seconds that this test was held up.
    assert err.replace("karst-shim: waiting for the sidecar\n", "") == ""


def test_a_lost_sidecar_is_met_again_and_told_how_things_are(
    agent: Agent, start: Start
) -> None:
    child = start("sh", "-c", "sleep 300")
    connection, messages = agent.meet()
    say(connection, type="ready")
    pid = first(messages, "started")["pid"]
    connection.close()
    connection, messages = agent.meet()
    assert first(messages, "started")["pid"] == pid
    # The app has gone on; once it ends, it waits for the sidecar's word again.
    os.kill(pid, signal.SIGKILL)
    assert first(messages, "exited")["reason"] == "killed by SIGKILL"
    time.sleep(0.8)
    say(connection, type="ready")
    assert first(messages, "started")["restarts"] == 1
    child.terminate()
    assert child.wait(timeout=60) == 143


def test_health_commands_run_beside_the_app(agent: Agent, start: Start) -> None:
    start("sleep", "300", COLOUR="blue")
    connection, messages = agent.meet()
    say(connection, type="ready")
    first(messages, "started")
    for command, timeout, code, output in (
        (["sh", "-c", "echo $COLOUR; exit 4"], 60, 4, "blue\n"),
        (["/no/such"], 60, 127, "[Errno 2] No such file or directory: '/no/such'"),
        (
            ["sleep", "30"],
            0.2,
            127,
            "Command '['sleep', '30']' timed out after 0.2 seconds",
        ),
    ):
        say(connection, type="run", id=7, command=command, timeout=timeout)
        answer = next(read(agent.accept()))
        assert answer == {
            "type": "command-result",
            "id": 7,
            "code": code,
            "output": output,
        }


def test_an_agent_that_reads_nothing_does_not_hold_up_the_app(
    agent: Agent, start: Start
) -> None:
    script = "i=0; while [ $i -lt 30000 ]; do echo line $i of many; i=$((i+1)); done"
    child = start("sh", "-c", script, KARST_KIND="job")
    connection = agent.accept()
    say(connection, type="ready")
    out, _ = child.communicate(timeout=120)
    assert out.count("\n") == 30_000
    assert child.returncode == 0
    texts = [message.get("text", "") for message in read(connection)]
    assert any("lines left out" in text for text in texts) or len(texts) < 30_000
