"""Output whose reader is gone, full disks, and files that can't be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

TELL = """
import karst.cli.app
from karst.cli.main import main
from karst.cli.output import {door}
def work(*_, **__):
    {call}
    print("went on", file=open({log!r}, "w"))
    return 0
karst.cli.app.app = work
main(["plan"])
"""


def run_without_reader(door: str, call: str, log: Path, stream: str) -> int:
    """Run a command that tells into a pipe whose reader is gone; its exit code."""
    reader, writer = os.pipe()
    os.close(reader)
    program = TELL.format(door=door, call=call, log=str(log))
    try:
        return subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=writer if stream == "stdout" else subprocess.DEVNULL,
            stderr=writer if stream == "stderr" else subprocess.DEVNULL,
        ).returncode
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    ("door", "call", "stream"),
    [
        ("PlainProgress", "[PlainProgress().step('x') for _ in range(3)]", "stderr"),
        ("say", "[say('x') for _ in range(3)]", "stdout"),
        ("print_document", "print_document({})", "stdout"),
    ],
)
def test_a_run_goes_on_without_its_reader(
    tmp_path: Path, door: str, call: str, stream: str
) -> None:
    log = tmp_path / "log"
    assert run_without_reader(door, call, log, stream) == 0
    assert log.read_text() == "went on\n"


def test_what_may_never_end_ends_with_its_reader(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_without_reader("stream", "stream('x')", log, "stdout") == 0
    assert not log.exists()


def karst(*words: str, cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "karst", *words],
        cwd=cwd,
        text=True,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
        **more,  # type: ignore[call-overload]
    )


def test_a_full_output_is_a_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = karst("inspect", str(_app(tmp_path)), cwd=tmp_path, stdout=full)
    assert done.returncode == 25
    assert "there is no room left" in done.stderr
    assert "Traceback" not in done.stderr


def _app(folder: Path) -> Path:
    app = folder / "app"
    app.mkdir()
    (app / "main.py").write_text("print(1)\n")
    return app


@pytest.mark.parametrize("file", ["sub/dir/repos.yaml", "file/repos.yaml"])
def test_a_file_that_can_not_be_written_is_a_sentence(
    tmp_path: Path, file: str
) -> None:
    (tmp_path / "file").write_text("")
    done = karst("init", "-f", file, cwd=tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 10
    assert "this can't be read or written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["../../evil", "Bad Name", "", "-x"])
def test_a_stack_s_other_name_is_checked_before_anything(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "repos.yaml").write_text("- file:./app\n")
    _app(tmp_path)
    done = karst("plan", f"--stack={name}", cwd=tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 64
    assert f"--stack: '{name}' is no name for a stack" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app", "repos.yaml"]
