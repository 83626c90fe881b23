"""The program as typed: exit codes and sentences, in process."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from karst import __version__
from karst.cli.main import INTERRUPTED, main, run
from karst.errors import EngineError, KarstError


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"karst {__version__}\n"


@pytest.mark.parametrize("words", [["plam"], ["plan", "--fiel", "x"], ["inspect"]])
def test_a_wrong_command_line_is_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 64
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert "Usage: karst" in shown.err


def test_a_missing_file_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["plan"]) == 10
    assert capsys.readouterr().err == (
        "karst: repos.yaml: there is no such file\n"
        "  -> name it with --file, or write one to begin with: `karst init`\n"
    )


@pytest.mark.processes
@pytest.mark.parametrize(
    ("environ", "dotenv", "shown"),
    [
        ({}, "", False),
        ({}, "DEBUG=true", True),
        ({"DEBUG": "yes"}, "", True),
        ({"DEBUG": "off"}, "DEBUG=true", False),
        # A setting that is wrong itself hides nothing and adds no failure.
        ({"DEBUG": "true"}, "GRPC_PORT=x", True),
        ({}, "GRPC_PORT=x\nDEBUG=true", False),
    ],
)
def test_debug_shows_tracebacks_of_sentences_too(
    environ: dict[str, str],
    dotenv: str,
    shown: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repos.yaml").write_text("services: []\n")
    (tmp_path / ".env").write_text(dotenv)
    monkeypatch.delenv("DEBUG", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run(["plan"]) == 10
    told = capsys.readouterr().err
    assert told.startswith("karst: ")
    assert ("Traceback" in told) == shown


def test_the_unexpected_is_told_with_what_a_report_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("karst.cli.starting.init_command", broken)
    assert run(["init"]) == 1
    shown = capsys.readouterr().err
    assert (
        f"unexpected: ZeroDivisionError: oops\n  -> this is a fault in karst {__version__}"
        in shown
    )
    assert "Traceback" in shown


def test_an_interrupt_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("karst.cli.starting.init_command", interrupted)
    assert run(["init"]) == 130
    assert "run the same command again to go on" in capsys.readouterr().err


def test_init_writes_a_first_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_engine(*_: object) -> None:
        raise EngineError("the Docker engine does not answer")

    monkeypatch.setattr("karst.cli.starting.open_engine", no_engine)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitignore").write_text("dist\n.env\n")
    assert run(["init"]) == 0
    assert (tmp_path / ".gitignore").read_text() == "dist\n.env\n.karst/\nsecrets/\n"
    from karst.config.parse import parse_stack

    text = (tmp_path / "repos.yaml").read_text()
    assert parse_stack(text, source="r", default_name="x").services[0].name == "app"
    assert run(["init"]) == 10
    assert "the file is there already" in capsys.readouterr().err
    assert run(["init", "--force"]) == 0


def test_every_error_has_an_exit_code_of_its_own() -> None:
    def tree(kind: type[KarstError]) -> list[type[KarstError]]:
        return [kind, *(k for sub in kind.__subclasses__() for k in tree(sub))]

    # A kind of another room's own (an archive that is refused) shares its parent's.
    kinds = [k for k in tree(KarstError) if k.__module__ == KarstError.__module__]
    codes = [k.exit_code for k in kinds]
    assert len(set(codes)) == len(codes)
    # 2 is "there are changes", 128 and above are signals.
    assert not {0, 2} & set(codes)
    assert max(codes) < 128


def test_an_interrupt_while_it_is_loaded_is_told_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys.modules[main.__module__], "run", interrupted)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == INTERRUPTED
    assert capsys.readouterr().err.startswith("karst: interrupted")
