"""Child processes: what they see, what is read of them, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from karst.command import Command
from karst.effects.process import Processes, child_environment
from karst.errors import ConfigError, ToolMissingError
from karst.secret import Secret

pytestmark = pytest.mark.processes


@pytest.fixture
def processes() -> Processes:
    return Processes({"PATH": os.environ["PATH"], "HOME": "/nowhere"}, grace=0.5)


def python(code: str, **more: object) -> Command:
    return Command((sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def is_ended(pid: int) -> bool:
    """Whether a process is over, soon: a kill takes effect after it was sent."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


class Clock:
    """The time as the runner of a child sees it: every limit is over once `note` is there.

    Hours pass at each look then: the child may be there before its limit is reckoned.
    """

    def __init__(self, note: Path) -> None:
        self.note = note
        self.passed = 0

    def monotonic(self) -> float:
        if self.note.exists():
            self.passed += 10_000
        return time.monotonic() + self.passed


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a child makes when it has come to where its time should be over."""
    monkeypatch.setattr("karst.effects.process.time", Clock(tmp_path / "note"))
    return tmp_path / "note"


def test_a_child_sees_the_allow_list_and_nothing_else() -> None:
    assert child_environment(
        {
            "PATH": "/bin",
            "HOME": "/home/me",
            "LC_ALL": "C",
            "HTTPS_PROXY": "http://proxy",
            "no_proxy": "localhost",
            "DOCKER_HOST": "ssh://host",
            "XDG_CACHE_HOME": "/c",
            "GITHUB_TOKEN": "t",
            "INPUT_TOKEN": "t",
            "CI_JOB_TOKEN": "t",
            "TF_VAR_x": "t",
            "AWS_SECRET_ACCESS_KEY": "t",
            "MY_PATH": "t",
            "PATHS": "t",
            "EVIL_PROXY": "t",
            "LD_PRELOAD": "t",
        }
    ) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "HTTPS_PROXY": "http://proxy",
        "no_proxy": "localhost",
        "DOCKER_HOST": "ssh://host",
        "XDG_CACHE_HOME": "/c",
    }


def test_the_command_adds_to_the_environment() -> None:
    processes = Processes({"PATH": os.environ["PATH"], "TOKEN": "hidden"})
    code = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE'))"
    outcome = processes.run(python(code, env={"A": "1"}))
    assert outcome.stdout == "['A', 'PATH']\n"


def test_both_streams_and_the_code_come_back(processes: Processes) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    outcome = processes.run(python(code))
    assert (outcome.code, outcome.stdout, outcome.stderr, outcome.ok) == (
        3,
        "out\n",
        "err\n",
        False,
    )


def test_lines_arrive_while_the_child_runs(
    processes: Processes, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    code = (
        "import pathlib, time; print('first', flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "print('second')"
    )
    seen: list[str] = []

    def on_line(line: str) -> None:
        seen.append(line)
        go.touch()

    assert processes.run(python(code, timeout=120), on_line=on_line).ok
    assert seen == ["first", "second"]


def test_input_is_given_and_an_early_end_is_no_error(processes: Processes) -> None:
    outcome = processes.run(python("print(input())"), input="hello\n")
    assert outcome.stdout == "hello\n"
    assert processes.run(python("pass"), input="x" * 1_000_000).ok
    assert processes.run(python("import sys; print(sys.stdin.read())")).stdout == "\n"


def test_secrets_are_redacted_everywhere(processes: Processes) -> None:
    seen: list[str] = []
    code = "import sys; print('k=topsecret'); print('line-one\\nline-two', file=sys.stderr)"
    outcome = processes.run(
        python(code, secrets=(Secret("topsecret"), Secret("line-one\nline-two\n"))),
        on_line=seen.append,
    )
    assert outcome.stdout == "k=[REDACTED]\n"
    assert outcome.stderr == "[REDACTED]"
    assert sorted(seen) == ["[REDACTED]", "[REDACTED]", "k=[REDACTED]"]


def test_a_timeout_ends_the_whole_group(processes: Processes, note: Path) -> None:
    code = (
        "import pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "words = [sys.executable, '-c', 'import time; time.sleep(900)']\n"
        "print(subprocess.Popen(words).pid, flush=True)\n"
        f"pathlib.Path({str(note)!r}).touch(); time.sleep(900)"
    )
    outcome = processes.run(python(code, timeout=2000))
    assert outcome.code == -signal.SIGKILL
    assert outcome.stderr.endswith("karst: ended after 2000 s\n")
    assert is_ended(int(outcome.stdout))


def test_a_timeout_counts_for_a_child_that_closed_its_output(
    processes: Processes, note: Path
) -> None:
    code = (
        "import os, pathlib, time; os.close(1); os.close(2)\n"
        f"pathlib.Path({str(note)!r}).touch(); time.sleep(900)"
    )
    assert processes.run(python(code, timeout=2000)).code == -signal.SIGTERM


def test_a_grandchild_that_keeps_the_output_open_does_not_hold_the_run(
    processes: Processes,
) -> None:
    began = time.monotonic()
    outcome = processes.run(Command(("sh", "-c", "sleep 500 & echo done")))
    assert outcome.stdout == "done\n"
    assert outcome.code == 0
    assert time.monotonic() - began < 400


def test_another_step_can_end_it(processes: Processes) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    outcome = processes.run(Command(("sleep", "60")), cancel=cancel)
    assert outcome.code == -signal.SIGTERM
    assert outcome.stderr == "karst: ended because another step failed\n"


def test_an_interrupt_reaches_the_child_and_is_raised_again(
    tmp_path: Path,
) -> None:
    processes = Processes(dict(os.environ), grace=120)
    note = tmp_path / "note"
    code = (
        "import pathlib, time\n"
        "try:\n    print('up', flush=True); time.sleep(900)\n"
        f"except KeyboardInterrupt: pathlib.Path({str(note)!r}).write_text('graceful')"
    )

    def on_line(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.run(python(code), on_line=on_line)
    assert note.read_text() == "graceful"


def test_a_missing_program_is_a_sentence(processes: Processes) -> None:
    with pytest.raises(ToolMissingError) as caught:
        processes.run(Command(("no-such-program-here",)))
    assert str(caught.value) == (
        "the program 'no-such-program-here' is not there\n"
        "  -> install 'no-such-program-here'"
    )


def test_a_program_that_cannot_start_is_a_sentence(
    processes: Processes, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(ToolMissingError, match="can't be started: Exec format error"):
        processes.run(Command((str(broken),)))


def test_a_missing_folder_is_a_sentence(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        processes.run(Command(("true",), cwd=tmp_path / "gone"))


def test_every_program_of_a_name_is_found_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("#!/bin/sh\n")
        (tmp_path / folder / "tool").chmod(0o755)
    (tmp_path / "c").symlink_to(tmp_path / "a")
    path = os.pathsep.join(str(tmp_path / f) for f in ("b", "a", "c", "gone"))
    assert Processes({"PATH": path}).find_programs("tool") == (
        tmp_path / "b" / "tool",
        tmp_path / "a" / "tool",
    )


@pytest.mark.parametrize("end", ["", "\n"], ids=["one line", "lines"])
def test_a_child_that_prints_without_end_is_ended(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("karst.effects.streams.MOST_OUTPUT", 1 << 20)
    outcome = processes.run(
        python(f"while True: print('x' * 1000, end={end!r})", timeout=120)
    )
    assert outcome.code == -signal.SIGTERM
    assert "printed more than" in outcome.stderr
    assert len(outcome.stdout) <= 1 << 20


def test_what_is_left_unread_is_no_whole_answer(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karst.effects.streams.MOST_OUTPUT", 100)
    outcome = processes.run(python("print('x' * 200)"))
    assert (outcome.ok, outcome.stdout) == (False, "")


def test_nothing_is_lost_to_a_slow_listener(processes: Processes) -> None:
    """A held terminal takes lines long after the child has ended."""

    def slow(line: str) -> None:
        if line == "first":
            time.sleep(3)

    code = "import sys; print('first\\nsecond'); sys.exit(3)"
    outcome = processes.run(python(code), on_line=slow)
    assert (outcome.stdout, outcome.code) == ("first\nsecond\n", 3)


def test_an_interrupt_before_anybody_knows_the_child_ends_it(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = Processes._start

    def interrupted(*words: Any, **named: Any) -> subprocess.Popen[str]:
        child = start(*words, **named)
        started.append(child.pid)
        os.kill(os.getpid(), signal.SIGINT)
        return child

    monkeypatch.setattr(Processes, "_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.run(python("import time; time.sleep(600)"))
    assert is_ended(started[0])
