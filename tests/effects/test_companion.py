"""A program beside karst ends with it, however that ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from karst.command import Command
from karst.effects.companion import Companion
from karst.effects.process import Processes
from karst.errors import ToolMissingError

pytestmark = pytest.mark.processes

READS = "import sys; print('ready', flush=True); sys.stdin.read(); print('over')"


def start(text: str) -> Companion:
    return Companion.start(
        Processes(dict(os.environ)), Command((sys.executable, "-c", text))
    )


def test_it_runs_until_it_is_closed() -> None:
    companion = start(READS)
    assert companion.line("rea", 120) == "ready"
    assert companion.running
    companion.close()
    assert not companion.running


def test_other_lines_are_passed_over() -> None:
    companion = start("print('motd'); print('marker here', flush=True); input()")
    assert companion.line("marker ", 120) == "marker here"
    companion.close()


def test_one_that_ends_without_the_line_is_told_by_its_complaints() -> None:
    companion = start("import sys; sys.exit('no such host')")
    assert companion.line("marker", 120) is None
    assert companion.complaints() == "no such host"
    companion.close()


def test_the_last_line_of_one_that_ended_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(self: Any, line: str) -> None:
        time.sleep(0.5)
        put(self, line)

    put = queue.Queue.put
    monkeypatch.setattr(queue.Queue, "put", late)
    companion = start("print('marker here', flush=True)")
    assert companion.line("marker ", 120) == "marker here"
    companion.close()


def test_a_complaint_that_is_expected_is_waited_for(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    companion = start(
        "import pathlib, sys, time; print('ready', flush=True)\n"
        f"while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\n"
        "print('open failed', file=sys.stderr, flush=True); sys.stdin.read()"
    )
    assert companion.line("ready", 120)
    assert companion.complaints() == ""
    assert companion.complaints("nothing like it", 0.01) == ""
    threading.Timer(0.5, gate.touch).start()
    assert companion.complaints("open", 120) == "open failed"
    companion.close()


def test_one_that_does_not_listen_is_ended_all_the_same() -> None:
    companion = start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(600)"
    )
    assert companion.line("ready", 120)
    companion.close()
    assert not companion.running


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(ToolMissingError):
        Companion.start(Processes({"PATH": "/nowhere"}), Command(("ssh",)))


def test_it_ends_with_a_karst_that_is_killed() -> None:
    text = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from karst.command import Command\n"
        "from karst.effects.companion import Companion\n"
        "from karst.effects.process import Processes\n"
        "words = (sys.executable, '-c', sys.argv[2])\n"
        "companion = Companion.start(Processes(dict(os.environ)), Command(words))\n"
        "companion.line('ready', 120); print(companion.pid, flush=True); time.sleep(600)"
    )
    karst = subprocess.Popen(
        [sys.executable, "-c", text, str(Path.cwd()), READS], stdout=subprocess.PIPE
    )
    assert karst.stdout
    pid = int(karst.stdout.readline())
    os.kill(pid, 0)
    karst.send_signal(signal.SIGKILL)
    karst.wait()
    karst.stdout.close()
    deadline = time.monotonic() + 120
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        return text.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_of_it_that_lives_on_holds_nobody_up(tmp_path: Path) -> None:
    """As a proxy's command does that ssh began and could not end."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    words = ["sh", "-c", f"read word < {gate}"]
    companion = start(
        "import subprocess\n"
        f"subprocess.Popen({words}, stdout=subprocess.DEVNULL, start_new_session=True)\n"
        "print('ready', flush=True)"
    )
    assert companion.line("ready", 120)
    closing = threading.Thread(target=companion.close, daemon=True)
    closing.start()
    closing.join(60)
    is_held_up = closing.is_alive()
    gate.write_text("go\n")
    assert not is_held_up
    for thread in companion._threads:
        thread.join(60)
