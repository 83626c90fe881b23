"""What holds for every committed file."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
# Written in pieces, so that this file does not name what it forbids.
REGISTRY_HOSTS = [
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("debian", "org"),
        ("archive", "ubuntu", "com"),
        ("crates", "io"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("registry", "terraform", "io"),
        ("registry", "opentofu", "org"),
        ("registry-1", "docker", "io"),
    )
]
MACHINE_PATHS = ["/work" + "/main", "/work" + "/shared", "/tmp" + "/w/"]
MAKE_TARGETS = [
    "bootstrap",
    "proto",
    "fmt",
    "lint",
    "test",
    "test-cov",
    "test-integration",
    "e2e-test",
    "e2e-test-ci",
    "plan",
    "apply",
    "destroy",
    "demo",
    "bench",
]
LONGEST_MODULE = 300
# Copied into every image as one file.
ONE_FILE = {"karst/runner/shim.py"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

SHAPES = ROOT / "tests/corpus/shapes"


def committed(*patterns: str) -> list[Path]:
    """The files git tracks that are still there, among `patterns`."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def own(*patterns: str) -> list[Path]:
    """The same without the corpus: its trees are called as people call theirs."""
    return [path for path in committed(*patterns) if SHAPES not in path.parents]


def lines_with(needles: list[str]) -> list[str]:
    found = []
    for path in committed():
        for number, line in enumerate(
            path.read_text(errors="replace").splitlines(), start=1
        ):
            if any(needle in line for needle in needles):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def test_no_file_names_a_package_registry_s_host() -> None:
    assert lines_with(REGISTRY_HOSTS) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_module_is_longer_than_its_reader_s_patience() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in committed("karst/*.py", "tools/*.py", "bench/*.py", "examples/*.py")
        if "_pb2" not in path.name and str(path.relative_to(ROOT)) not in ONE_FILE
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_room_or_module_has_a_name_that_says_nothing() -> None:
    named = [path.relative_to(ROOT) for path in own("*.py")]
    assert [p for p in named if VAGUE_NAMES & {*p.parent.parts, p.stem}] == []


def test_test_files_have_different_names() -> None:
    # pytest imports them by their base name, but for the packages among them.
    modules = own("tests/*.py")
    names = Counter(
        path.name for path in modules if not (path.parent / "__init__.py").is_file()
    )
    names.pop("conftest.py", None)
    assert [name for name, n in names.items() if n > 1] == []


def test_every_test_file_is_collected(pytestconfig: pytest.Config) -> None:
    """pytest's own list of folders that it does not enter has held one of these."""
    patterns = pytestconfig.getini("norecursedirs")
    folders = {
        folder
        for path in own("tests/**/test_*.py", "tests/test_*.py")
        for folder in path.relative_to(ROOT).parts[:-1]
    }
    assert "build" in folders
    passed_over = [f for f in folders for p in patterns if fnmatch.fnmatch(f, p)]
    assert passed_over == []
    ignored = [
        path for path in committed("*.py") if "collect_ignore" in path.read_text()
    ]
    assert ignored == [ROOT / "tests/corpus/conftest.py", Path(__file__)]


def test_every_script_can_be_executed() -> None:
    scripts = [p for p in committed() if p.read_bytes()[:2] == b"#!"]
    assert scripts
    assert [p for p in scripts if not p.stat().st_mode & 0o100] == []


@pytest.mark.parametrize("target", MAKE_TARGETS)
def test_make_knows(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tool", ["tools/proto", "tools/generate"])
def test_generated_files_are_fresh(tool: str) -> None:
    done = subprocess.run(
        [ROOT / tool, "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("pins", "group"), [("requirements.txt", None), ("requirements-dev.txt", "dev")]
)
def test_every_dependency_is_pinned_by_hash(pins: str, group: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    if group:
        wanted += project["dependency-groups"][group]
    text = (ROOT / pins).read_text()
    pinned = dict(
        re.findall(r"(?m)^([a-z0-9-]+)==([^\s;]+)[^\\\n]*\\\n    --hash=", text)
    )
    loose = []
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            loose.append(f"{requirement} (pinned: {version})")
    assert loose == []
