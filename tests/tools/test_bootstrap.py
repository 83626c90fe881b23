"""tools/bootstrap as a program, on machines made of a few stand-in programs."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.processes

DOCKER = """\
case "$*" in
  "version --format {{.Server.Version}}") echo 27.3.1 ;;
  "buildx version") echo "github.com/docker/buildx v0.17.1 257815a" ;;
  "image inspect -f {{.Id}} python:3.12-slim") echo sha256:0 ;;
  *) exit 1 ;;
esac"""
TERRAFORM = """\
echo "$*" | /usr/bin/sed 's/-chdir=[^ ]* //' >>{calls}
case "$*" in
  *providers) echo "└── provider[registry.example/kreuzwerker/docker] 4.6.0" ;;
  "version -json") echo '{{"platform": "linux_riscv64"}}' ;;
  version) echo "Terraform v1.99.0" ;;
  *init*) exit {init} ;;
esac"""
GO = """\
if [ "$1" = version ]; then echo go version go1.26.8 linux/riscv64; exit; fi
while [ "$1" != -o ]; do shift; done
echo built >"$2\""""


@dataclass
class Computer:
    """A folder of programs that is the whole PATH, and a cache of its own."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir()
        for name, target in {
            "python3": sys.executable,
            "dirname": "/usr/bin/dirname",
            "id": "/usr/bin/id",
        }.items():
            (self.folder / "bin" / name).symlink_to(target)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def has(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def bootstrap(self, *arguments: str, **environ: str) -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", ROOT / "tools" / "bootstrap", *arguments],
            env={
                "PATH": str(self.folder / "bin"),
                "HOME": str(self.folder),
                "KARST_CACHE": str(self.cache),
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--only", name)]


def test_check_tells_what_a_bare_machine_lacks_and_changes_nothing(
    computer: Computer,
) -> None:
    parts = only("git", "engine", "buildkit", "terraform", "provider", "base-image")
    code, told = computer.bootstrap("--check", *parts)
    assert told == (
        "missing   git            no git on PATH\n"
        "missing   engine         no docker client on PATH\n"
        "missing   buildkit       no buildx, and no client with BuildKit of its own\n"
        "missing   terraform      neither terraform nor tofu on PATH\n"
        "missing   provider       no Terraform to ask\n"
        "missing   base-image     neither python:3.12-slim nor python:3.11-slim in the engine\n"
    ).replace(
        "missing   buildkit       no buildx, and no client with BuildKit of its own\n",
        buildkit_of_this_system(),
    )
    assert code == 1
    assert not computer.cache.exists()


def buildkit_of_this_system() -> str:
    """Debian's own client is looked for by its full path, beside PATH."""
    client = Path("/usr/bin/docker")
    if client.exists():
        version = subprocess.run(
            [client, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if " 20." in version:
            return f"ok        buildkit       BuildKit in {version}\n"
    return (
        "missing   buildkit       no buildx, and no client with BuildKit of its own\n"
    )


def test_check_of_a_machine_that_has_it(computer: Computer) -> None:
    computer.has("docker", DOCKER)
    code, told = computer.bootstrap(
        "--check", *only("engine", "buildkit", "base-image")
    )
    assert told == (
        "ok        engine         Docker engine 27.3.1\n"
        "ok        buildkit       buildx v0.17.1\n"
        "ok        base-image     python:3.12-slim\n"
    )
    assert code == 0


def test_an_engine_that_the_user_named_is_never_started_for_him(
    computer: Computer,
) -> None:
    computer.has("docker", "exit 1")
    computer.has("dockerd", f"touch {computer.folder}/started")
    host = "tcp://192.0.2.1:2376"
    code, told = computer.bootstrap(*only("engine", "base-image"), DOCKER_HOST=host)
    assert told == (
        f"missing   engine         no Docker engine answers at {host}\n"
        f"to do     engine         start the engine that DOCKER_HOST names ({host}), or unset it\n"
        "missing   base-image     neither python:3.12-slim nor python:3.11-slim in the engine\n"
        "waits     base-image     for engine\n"
        "stopped   bootstrap      still missing: base-image, engine\n"
    )
    assert code == 1
    assert not (computer.folder / "started").exists()


def test_a_provider_that_init_finds_is_left_to_the_registry(computer: Computer) -> None:
    calls = computer.folder / "calls"
    computer.has("terraform", TERRAFORM.format(calls=calls, init=0))
    code, _ = computer.bootstrap(*only("terraform", "provider"))
    assert code == 0
    assert not (computer.cache / "terraform.rc").exists()
    assert "init -input=false -no-color\n" in calls.read_text()

    calls.unlink()
    code, told = computer.bootstrap(*only("terraform", "provider"))
    assert (code, told) == (0, "ready     bootstrap      nothing is missing\n")
    assert "init" not in calls.read_text()


def test_a_provider_that_init_does_not_find_is_built_into_a_mirror(
    computer: Computer,
) -> None:
    calls = computer.folder / "calls"
    computer.has("terraform", TERRAFORM.format(calls=calls, init=1))
    computer.has("go", GO)
    code, told = computer.bootstrap(*only("terraform", "provider"))
    assert code == 0, told
    binary = (
        computer.cache
        / "terraform-mirror/registry.example/kreuzwerker/docker/4.6.0/linux_riscv64"
        / "terraform-provider-docker_v4.6.0"
    )
    assert binary.read_text() == "built\n"
    assert (
        str(computer.cache / "terraform-mirror")
        in (computer.cache / "terraform.rc").read_text()
    )
    before = binary.stat().st_mtime_ns
    code, told = computer.bootstrap(*only("terraform", "provider"))
    assert (code, told) == (0, "ready     bootstrap      nothing is missing\n")
    assert binary.stat().st_mtime_ns == before

    (computer.cache / "terraform.rc").write_text("# somebody else's\n")
    code, told = computer.bootstrap("--check", *only("provider"))
    assert code == 1
    assert "terraform.rc does not name the mirror" in told


def test_a_build_that_fails_leaves_no_half_provider(computer: Computer) -> None:
    computer.has("terraform", TERRAFORM.format(calls="/dev/null", init=1))
    computer.has("go", GO + '; echo "go: no such module"; exit 3')
    code, told = computer.bootstrap(*only("terraform", "provider"))
    assert code == 1
    assert "exit status 3; log: " in told
    assert "  | go: no such module\n" in told
    assert not list(computer.cache.glob("terraform-mirror/**/*_v4.6.0"))
    assert not (computer.cache / "terraform.rc").exists()


def test_an_unknown_part_is_named(computer: Computer) -> None:
    done = subprocess.run(
        ["/bin/sh", ROOT / "tools" / "bootstrap", "--check", "--only", "engin"],
        env={"PATH": str(computer.folder / "bin"), "HOME": str(computer.folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert (
        "no part engin; parts: git, environment, kernel-limits, engine," in done.stderr
    )


@pytest.mark.integration
def test_terraform_takes_the_provider_from_where_bootstrap_put_it(
    tmp_path: Path,
) -> None:
    cache = Path(
        os.environ.get("KARST_CACHE") or Path.home() / ".cache" / "karstkit"
    ).absolute()
    (tmp_path / "main.tf").write_text(
        "terraform {\n  required_providers {\n"
        '    docker = { source = "kreuzwerker/docker", version = "~> 4.6" }\n'
        "  }\n}\n"
    )
    environ = dict(os.environ)
    if (cache / "terraform.rc").exists():
        environ["TF_CLI_CONFIG_FILE"] = str(cache / "terraform.rc")
    environ["PATH"] += os.pathsep + str(cache / "bin")
    program = shutil.which("terraform", path=environ["PATH"]) or "tofu"
    done = subprocess.run(
        [program, "init", "-input=false", "-no-color"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Installed kreuzwerker/docker v4." in done.stdout


@pytest.mark.integration
@pytest.mark.slow
def test_a_second_run_on_this_machine_is_quick_and_changes_nothing() -> None:
    program = ROOT / "tools" / "bootstrap"
    subprocess.run([program], check=True, capture_output=True, timeout=580)
    before = worked()
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (
        0,
        "ready     bootstrap      nothing is missing\n",
    )
    assert worked() - before < 10


def worked() -> float:
    """Seconds of work of all children so far, however long they waited for a turn."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
