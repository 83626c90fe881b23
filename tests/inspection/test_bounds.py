"""Small trees that would cost all time, all memory or the stack, each in a child that may not have them."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from karst.inspection import resolve_entrypoint
from karst.inspection.bounds import parse_toml, parse_yaml
from karst.inspection.shell import expand
from karst.inspection.source import SourceTree

_CMD = 'CMD ["python", "app.py"]\n'
_BEGIN = "FROM python:3.12\n"


def _doubling(line: str, count: int) -> str:
    return "".join(line.format(new=i + 1, old=i) for i in range(count))


_TREES = {
    "ENV of ENV": (
        "Dockerfile",
        _BEGIN + "ENV A0=xx\n" + _doubling("ENV A{new}=$A{old}$A{old}\n", 60) + _CMD,
    ),
    "ENV of itself": (
        "Dockerfile",
        _BEGIN + "ENV A=xx\n" + "ENV A=${A}${A}\n" * 60 + _CMD,
    ),
    "endless ENV": (
        "Dockerfile",
        _BEGIN + "".join(f"ENV A{i}=1\n" for i in range(80_000)),
    ),
    "endless stages": (
        "Dockerfile",
        "".join(f"ARG A{i}=1\n" for i in range(20_000)) + "FROM a\n" * 20_000,
    ),
    "merges of merges": (
        "compose.yml",
        "x0: &x0 {a: 1, b: 2}\n"
        + _doubling("x{new}: &x{new}\n  <<: [*x{old}, *x{old}, *x{old}, *x{old}]\n", 14)
        + "services: {web: {build: .}}\n",
    ),
    "deep YAML": ("compose.yml", "[" * 30_000 + "]" * 30_000),
    "deep mappings": ("render.yaml", "services: " + "{a: " * 12_000 + "}" * 12_000),
    "dotted TOML": ("fly.toml", "a" + ".a" * 300_000 + " = 1\n"),
    "long line": ("Procfile", "web: " + "a" * 500_000 + "$" + "{" * 300_000 + "\n"),
}


def limit() -> None:
    """A GiB, and a minute of work; how long others keep the processor does not count."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


@pytest.mark.processes
@pytest.mark.parametrize("what", _TREES)
def test_a_tree_costs_neither_time_nor_memory(what: str, tmp_path: Path) -> None:
    name, text = _TREES[what]
    (tmp_path / name).write_text(text)
    (tmp_path / "app.py").write_text("if __name__ == '__main__':\n    print(1)\n")
    program = "import sys, pathlib; from karst.inspection import resolve_entrypoint as r; print(r(pathlib.Path(sys.argv[1])).command[-1])"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        preexec_fn=limit,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "app.py"), done.stderr


@pytest.mark.parametrize(
    "key",
    ["a.", '"a b".', "'a'.", "a . ", '"\\"".'],
    ids=["bare", "quoted", "literal", "spaced", "escaped"],
)
def test_a_key_of_many_parts_is_no_toml(key: str) -> None:
    with pytest.raises(ValueError, match="too many parts"):
        parse_toml(f"{key * 40}z = 1\n")
    assert parse_toml(f"{key * 20}z = 1\n")


def test_dots_in_values_are_no_key() -> None:
    text = f'x = "{"1.2.3, " * 100}"\n# {". " * 100}\ny = "{"." * 500}"\n'
    assert set(parse_toml(text)) == {"x", "y"}


def test_a_number_without_end_is_no_toml() -> None:
    with pytest.raises(ValueError, match="digits"):
        parse_toml(f"x = {'1' * 5000}\n")


def test_no_more_is_parsed_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("karst.inspection.source.MAX_PARSED", 100)
    monkeypatch.setattr("karst.inspection.source.MAX_READ", 150)
    for name in ("a.py", "b.py", "c.py", "d.py"):
        (tmp_path / name).write_text("x = 1\n" * 8)
    tree = SourceTree(tmp_path)
    assert [bool(tree.parse(f"{name}.py")) for name in "abc"] == [True, True, False]
    assert [bool(tree.read(f"{name}.py")) for name in "cd"] == [True, False]


def test_merges_as_people_write_them_are_read() -> None:
    text = "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: [*x, *y], c: 3}\n"
    assert parse_yaml(text)["z"] == {"a": 1, "b": 2, "c": 3}


def test_what_would_grow_too_long_stays_as_it_stands() -> None:
    assert expand("$A-${B}", {"A": "x" * 10_000, "B": "y" * 10_000}) == "$A-${B}"
    assert expand("$A-${B:-z}", {"A": "x"}) == "x-z"


def test_scripts_that_hand_over_to_themselves_end(tmp_path: Path) -> None:
    words = ", ".join(['"/start"'] * 40)
    text = (
        f'FROM python:3.12\nCOPY start /start\nENTRYPOINT ["/start"]\nCMD [{words}]\n'
    )
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "start").write_text("#!/bin/sh\n" + 'exec "$@"\n' * 40)
    assert resolve_entrypoint(tmp_path).kind == "dockerfile"
