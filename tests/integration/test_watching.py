"""What runs, looked at: log lines as they come, statistics, the list of containers."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sample_apps import JOB, echo
from snapshots import docker, eventually_get, free_port, get, until

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Says who it is and how often it was asked, karst's own questions left out; ends when
# it is told to.
TALKER = """\
import http.server, os, sys

asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        if self.path != "/":
            asked += 1
            print(f"NAME was asked {asked}: {self.path}", flush=True)
        if self.path == "/end":
            os._exit(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    print("NAME is up", flush=True)
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_PATIENCE = 240.0


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def services(stack: LiveStack, port: int, name: str = "first") -> list[dict[str, Any]]:
    return [
        {"name": "migrate", "slug": stack.app("migrate", JOB), "kind": "job"},
        {"name": "api", "slug": stack.app("api", echo("api")), "health": {"http": "/"}},
        {
            "name": "talker",
            "slug": stack.app("talker", TALKER.replace("NAME", name)),
            "publish": f"127.0.0.1:{port}",
            "calls": ["api"],
            "health": {"process": True},
        },
    ]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack, port: int) -> LiveStack:
    made = make_stack()
    made.write(services(made, port))
    made.ok("deploy")
    # A process that is up need not have said anything yet.
    until(lambda: "first is up" in made.ok("logs"), _PATIENCE, "the first line")
    # Nor need the door be there yet.
    until(lambda: eventually_get(port)[0] == 200, _PATIENCE, "the door answers")
    return made


class Following:
    """A `karst logs --follow` under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))

    def next(self) -> str:
        """The next line; raises queue.Empty where none comes."""
        return self._lines.get(timeout=_PATIENCE)

    @property
    def more(self) -> bool:
        return not self._lines.empty()

    def end(self) -> None:
        self.process.kill()
        self._reader.join()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()


@contextmanager
def following(stack: LiveStack, *words: str) -> Iterator[Following]:
    process = subprocess.Popen(
        [sys.executable, "-m", "karst", "logs", "--follow", *words],
        cwd=stack.folder,
        env={**os.environ, **stack.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    log = Following(process)
    try:
        yield log
    finally:
        log.end()


def test_the_lines_of_all_services_carry_their_names(stack: LiveStack) -> None:
    assert stack.ok("logs", "--tail", "1").splitlines() == [
        "migrate | migrated",
        "talker  | first is up",
    ]
    assert stack.ok("logs", "--service", "migrate") == "migrated\n"


def test_the_last_lines_of_one_service(stack: LiveStack, port: int) -> None:
    for path in ("/a", "/b", "/c"):
        assert get(port, path)[0] == 200
    wanted = ["first was asked 2: /b", "first was asked 3: /c"]
    # The engine has a line some time after the app has written it.
    until(lambda: wanted[-1] in stack.ok("logs"), _PATIENCE, "the last line")
    assert stack.ok("logs", "--service", "talker", "--tail", "2").splitlines() == wanted
    told = stack.ok("logs", "-s", "talker", "-n", "2", "--json").splitlines()
    assert [json.loads(line) for line in told] == [
        {"service": "talker", "text": text} for text in wanted
    ]


def test_a_sidecars_own_lines(stack: LiveStack) -> None:
    assert "karst-agent: sealed" in stack.ok("logs", "--service", "api", "--sidecar")


def test_lines_are_followed_over_a_crash_and_a_new_release(
    stack: LiveStack, port: int
) -> None:
    with following(stack, "--service", "talker", "--tail", "0") as log:
        # It follows from some moment on: what it has seen once, it goes on from.
        until(lambda: get(port, "/x")[0] == 200 and log.more, _PATIENCE, "a line")
        assert log.next().endswith(": /x")
        get(port, "/end")
        lines = [log.next()]
        while "first is up" not in lines or not any(map(_tells_the_end, lines)):
            lines.append(log.next())
        # A request more, from the wait above; and the shim writes into another stream,
        # which the engine reads by itself.
        own = [n for n in lines if not _tells_the_end(n) and not n.endswith(": /x")]
        assert [n.rpartition(": ")[2] for n in own] == ["/end", "first is up"]
        docker("restart", stack.container("app", "talker")["Id"])
        assert log.next() == "first is up"
        stack.write(services(stack, port, "second"))
        stack.ok("deploy")
        assert log.next() == "second is up"
        assert log.process.poll() is None
        assert get(port, "/y")[0] == 200
        assert log.next() == "second was asked 1: /y"


def _tells_the_end(line: str) -> bool:
    return line.startswith("karst-shim: the app ended (exit status 3)")


def test_following_ends_where_nothing_more_can_come(stack: LiveStack) -> None:
    with following(stack, "--service", "migrate") as log:
        assert log.next() == "migrated"
        assert log.process.wait(_PATIENCE) == 0


def test_following_ends_by_an_interrupt_without_a_word(stack: LiveStack) -> None:
    with following(stack) as log:
        names: set[str] = set()
        while not names >= {"migrate", "talker"}:
            names.add(log.next().partition("|")[0].strip())
        assert names == {"migrate", "talker"}
        log.process.send_signal(signal.SIGINT)
        assert log.process.wait(_PATIENCE) == 130
        assert log.process.stderr
        assert "Traceback" not in log.process.stderr.read()


def test_statistics_of_one_service_by_a_part_of_their_name(
    stack: LiveStack, port: int
) -> None:
    name = "http.inbound.downstream_rq_2xx"
    words = ("stats", "--service", "talker", "--filter", name)
    counted = _value(stack.ok(*words), name)
    assert get(port, "/counted")[0] == 200
    assert _value(stack.ok(*words), name) == counted + 1


def _value(told: str, name: str) -> int:
    """Each listener counts the same under a name of its own."""
    lines = told.splitlines()
    assert all(name in line for line in lines)
    found = dict(line.split(": ", 1) for line in lines)
    return int(found[name])


def test_statistics_of_all_services_carry_their_names(stack: LiveStack) -> None:
    told = stack.ok("stats", "--filter", "server.live").splitlines()
    assert told == ["api: server.live: 1", "talker: server.live: 1"]
    assert stack.json("stats", "--filter", "server.live") == {
        "api": ["server.live: 1"],
        "talker": ["server.live: 1"],
    }


def test_a_filter_is_a_part_of_a_name_and_no_pattern(stack: LiveStack) -> None:
    assert stack.ok("stats", "--service", "api", "--filter", "server.l.ve") == ""


def test_a_service_that_does_not_answer_is_named(stack: LiveStack) -> None:
    sidecar = stack.container("sidecar", "api")["Name"].lstrip("/")
    docker("pause", sidecar)
    try:
        outcome = stack.run("stats", "--filter", "server.live")
    finally:
        docker("unpause", sidecar)
    assert outcome.returncode == 24
    assert outcome.stdout == "talker: server.live: 1\n"
    assert "no statistics of api (" in outcome.stderr


@pytest.mark.parametrize("command", ["logs", "stats", "health"])
def test_a_service_that_is_not_there(stack: LiveStack, command: str) -> None:
    outcome = stack.run(command, "--service", "apy")
    assert (outcome.returncode, outcome.stdout) == (10, "")
    assert "there is no service 'apy'" in outcome.stderr
    assert "choose one of migrate, api, talker" in outcome.stderr


def test_the_list_of_containers(stack: LiveStack) -> None:
    found = {(r["service"], r["role"]): r["status"] for r in stack.json("ps")}
    assert found == {
        ("api", "app"): "running",
        ("api", "sidecar"): "running",
        ("migrate", "app"): "exited",
        ("migrate", "sidecar"): "running",
        ("talker", "app"): "running",
        ("talker", "door"): "running",
        ("talker", "sidecar"): "running",
    }
    assert stack.ok("ps").splitlines()[0].split()[0] == "SERVICE"
