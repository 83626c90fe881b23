"""How bootstrap tells what a machine has, and what it says where it may not install."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from machine.engine import buildkit_command, builds_by_itself, forget_stale_pid
from machine.environment import Environment
from machine.golang import find_go, go_version
from machine.kernel import KernelLimits
from machine.node import NodePackages
from machine.packages import Unpacked, install_packages, is_debian
from machine.part import LeftToUser, Machine, State, read_os_release
from machine.sidecar_image import ca_secret, default_argument
from machine.terraform import cli_configuration, provider_address

DEBIAN = {"ID": "debian"}


def a_machine(
    folder: Path, *, os_release: dict[str, str] | None = None, root: bool = False
) -> Machine:
    """A machine whose only programs are those in `folder`/bin."""
    (folder / "bin").mkdir(exist_ok=True)
    environ = {"PATH": str(folder / "bin")}
    return Machine(environ, folder / "cache", folder, os_release or DEBIAN, root)


def a_program(folder: Path, name: str, script: str = "") -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Docker version 20.10.24+dfsg1, build 297e128", True),
        ("Docker version 19.03.15, build 99e3ed8919", True),
        ("Docker version 23.0.0, build e92dd87", False),
        ("Docker version 28.2.2, build e6534b4", False),
        ("podman version 5.0.0", False),
        ("", False),
    ],
)
def test_a_client_that_needs_no_buildx(said: str, answer: bool) -> None:
    assert builds_by_itself(said) is answer


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.19 linux/arm64", (1, 19)),
        ("not a go", None),
    ],
)
def test_go_version(said: str, version: tuple[int, ...] | None) -> None:
    assert go_version(said) == version


@pytest.mark.processes
@pytest.mark.parametrize(
    ("version", "usable"),
    [("1.26.5", False), ("1.26.6", True), ("1.26.11", True), ("1.27", False)],
)
def test_only_a_go_that_can_build_the_pins_is_used(
    tmp_path: Path, version: str, usable: bool
) -> None:
    a_program(tmp_path, "go", f"echo go version go{version} linux/amd64")
    own = str(tmp_path / "bin" / "go")
    assert find_go(a_machine(tmp_path)) == (own if usable else None)


def test_provider_address_names_the_program_s_own_registry() -> None:
    said = (
        "\nProviders required by configuration:\n.\n"
        "└── provider[registry.example/kreuzwerker/docker] 4.6.0\n\n"
    )
    assert provider_address(said) == "registry.example/kreuzwerker/docker"
    assert provider_address("Error: no such thing") is None


def test_cli_configuration_leaves_other_providers_to_their_registry() -> None:
    assert cli_configuration(Path("/var/cache/a b/mirror")) == (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        '    path    = "/var/cache/a b/mirror"\n'
        '    include = ["kreuzwerker/docker"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["kreuzwerker/docker"]\n'
        "  }\n"
        "}\n"
    )


def test_os_release_of_ubuntu_counts_as_debian(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text('# a comment\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
    release = read_os_release(file)
    assert release == {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}
    machine = a_machine(tmp_path, os_release=release)
    assert not is_debian(machine)
    a_program(tmp_path, "apt-get")
    assert is_debian(machine)
    assert read_os_release(tmp_path / "none") == {}


def test_without_root_the_exact_command_is_told(tmp_path: Path) -> None:
    a_program(tmp_path, "apt-get", "exit 9")
    with pytest.raises(LeftToUser) as told:
        install_packages(a_machine(tmp_path), "docker.io", "iptables", elsewhere="-")
    assert str(told.value) == (
        "run: sudo apt-get install -y --no-install-recommends docker.io iptables"
    )


def test_on_another_system_the_vendor_s_way_is_told(tmp_path: Path) -> None:
    machine = a_machine(tmp_path, os_release={"ID": "fedora"}, root=True)
    with pytest.raises(LeftToUser, match=r"^see the vendor$"):
        install_packages(machine, "docker.io", elsewhere="see the vendor")


@pytest.mark.processes
def test_stale_package_lists_are_renewed_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    a_program(
        tmp_path,
        "apt-get",
        f'echo "$1" >>{calls}\n[ "$1" = update ] || /usr/bin/grep -q update {calls}',
    )
    install_packages(a_machine(tmp_path, root=True), "git", elsewhere="-")
    assert calls.read_text() == "install\nupdate\ninstall\n"


@pytest.mark.processes
def test_a_package_that_starts_a_service_is_only_unpacked(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    a_program(tmp_path, "apt-get", f'echo "$@" >>{calls}; touch server_1_all.deb')
    a_program(
        tmp_path,
        "dpkg-deb",
        f'echo "$1" >>{calls}; mkdir -p "$3/usr/bin"; echo x >"$3/usr/bin/server"; chmod 755 "$3/usr/bin/server"',
    )
    machine = replace(
        a_machine(tmp_path), environ={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    )
    part = Unpacked(machine, "server")
    assert not part.state().present
    part.install()
    assert calls.read_text() == "download server\n--extract\n"
    assert part.state().line == str(tmp_path / "cache" / "bin" / "server")


@pytest.mark.processes
def test_a_failed_install_shows_the_program_s_last_words(tmp_path: Path) -> None:
    a_program(tmp_path, "apt-get", "echo E: no space left; exit 100")
    with pytest.raises(LeftToUser) as told:
        install_packages(a_machine(tmp_path, root=True), "git", elsewhere="-")
    log = tmp_path / "cache" / "log" / "apt.log"
    assert str(told.value) == (
        f"apt-get update: exit status 100; log: {log}\n"
        "  | E: no space left\n"
        "  | E: no space left"
    )


@pytest.mark.parametrize(
    ("pid", "program", "kept"),
    [
        (str(os.getpid()), Path("/proc/self/comm").read_text().strip(), True),
        (str(os.getpid()), "dockerd", False),
        ("4194304999", "dockerd", False),
        ("", "dockerd", False),
    ],
    ids=["its own", "another program", "ended", "empty"],
)
def test_a_pid_file_of_another_process_is_forgotten(
    tmp_path: Path, pid: str, program: str, kept: bool
) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(pid)
    forget_stale_pid(file, program)
    assert file.exists() is kept
    forget_stale_pid(tmp_path / "absent.pid", program)


def test_a_pid_file_whose_process_ends_while_it_is_looked_at_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_text

    def ended(path: Path) -> str:
        if path.parts[1] == "proc":
            raise ProcessLookupError(errno.ESRCH, "No such process")
        return read(path)

    file = tmp_path / "docker.pid"
    file.write_text("7")
    monkeypatch.setattr(Path, "read_text", ended)
    forget_stale_pid(file, "dockerd")
    assert not file.exists()


@pytest.mark.processes
@pytest.mark.parametrize("whole", [True, False])
def test_an_environment_that_was_cut_short_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Of a new environment Python itself comes first, and what installs last."""
    for name in ("pyproject.toml", "requirements-dev.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {0 if whole else 1}\n")
    python.chmod(0o755)
    ran: list[list[str]] = []
    monkeypatch.setattr(Machine, "run", lambda _, argv, **__: ran.append(argv))
    Environment(a_machine(tmp_path)).install()
    made = [argv for argv in ran if argv[1:3] == ["-m", "venv"]]
    assert len(made) == (0 if whole else 1)


def test_the_environment_is_stale_when_a_pin_changes(tmp_path: Path) -> None:
    part = Environment(a_machine(tmp_path))
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements-dev.txt").write_text("a==1\n")
    assert part.state().line == "no venv/"
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert part.state().line == "venv/ is not what requirements-dev.txt says"
    (tmp_path / "venv" / "karstkit-pins").write_text(part._wanted())
    assert part.state().present
    (tmp_path / "requirements-dev.txt").write_text("a==2\n")
    assert not part.state().present


@pytest.mark.processes
def test_buildx_is_taken_before_a_client_s_own_buildkit(tmp_path: Path) -> None:
    machine = a_machine(tmp_path)
    old = "echo Docker version 20.10.24, build 297e128"
    a_program(tmp_path, "docker", f'[ "$1" = --version ] && {old}')
    assert buildkit_command(machine) == ["docker", "build"]
    a_program(tmp_path, "docker", '[ "$1" = buildx ] && echo buildx v0.17')
    assert buildkit_command(machine) == ["docker", "buildx", "build", "--load"]


def test_the_ca_bundle_reaches_a_build_as_a_secret_only(tmp_path: Path) -> None:
    bundle, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    bundle.touch()
    other.touch()
    machine = a_machine(tmp_path)

    def told(**environ: Path) -> list[str]:
        variables = {name: str(path) for name, path in environ.items()}
        return ca_secret(replace(machine, environ=variables))

    assert told() == []
    assert told(SSL_CERT_FILE=tmp_path / "absent.pem") == []
    assert told(SSL_CERT_FILE=bundle) == [f"--secret=id=karst_ca,src={bundle}"]
    assert told(SSL_CERT_FILE=bundle, KARST_CA_BUNDLE=other) == [
        f"--secret=id=karst_ca,src={other}"
    ]


def test_the_dockerfile_itself_names_envoy_s_image(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG BASE\nARG ENVOY_IMAGE=vendor/envoy:v1\nFROM $BASE\n")
    assert default_argument(dockerfile, "ENVOY_IMAGE") == "vendor/envoy:v1"
    with pytest.raises(LeftToUser, match=r"has no ARG BASE with a default$"):
        default_argument(dockerfile, "BASE")


def test_low_kernel_limits_are_raised_and_stay_raised(tmp_path: Path) -> None:
    a_program(tmp_path, "apt-get")
    limit = tmp_path / "sys" / "fs" / "a"
    limit.parent.mkdir(parents=True)
    limit.write_text("128\n")
    kept = tmp_path / "etc" / "60.conf"

    def part(*, root: bool) -> KernelLimits:
        return KernelLimits(
            a_machine(tmp_path, root=root),
            values=tmp_path / "sys",
            kept=kept,
            wanted={"fs.a": 512, "fs.not_there": 9},
        )

    assert part(root=False).state() == State(False, "fs.a is 128")
    with pytest.raises(LeftToUser, match=r"^run: sudo sysctl -w fs\.a=512$"):
        part(root=False).install()
    assert (limit.read_text(), kept.exists()) == ("128\n", False)

    part(root=True).install()
    assert (limit.read_text(), kept.read_text()) == ("512\n", "fs.a=512\n")
    assert part(root=True).state().present
    limit.write_text("100000\n")
    assert part(root=True).state().present


@pytest.mark.processes
def test_npm_packages_are_stale_when_a_pin_changes(tmp_path: Path) -> None:
    part = NodePackages(a_machine(tmp_path))
    pins = tmp_path / "tools" / "node"
    pins.mkdir(parents=True)
    (pins / "package.json").write_text("{}")
    (pins / "package-lock.json").write_text("{}")
    assert part.state() == State(False, f"no {part.folder / 'node_modules'}")
    a_program(tmp_path, "apt-get")
    with pytest.raises(LeftToUser, match=r"^run: sudo apt-get install .* npm$"):
        part.install()

    lock = "node_modules/.package-lock.json"
    finish = f"/usr/bin/mkdir -p node_modules; : >{lock}"
    a_program(tmp_path, "npm", f'[ "$1" = ci ] && {finish}')
    part.install()
    assert part.state() == State(True, "npm packages as pinned")
    (part.folder / lock).unlink()
    assert part.state() == State(False, f"{part.folder} is incomplete")
    part.install()
    before = part.folder
    (pins / "package-lock.json").write_text('{"newer": true}')
    assert part.state() == State(False, f"no {part.folder / 'node_modules'}")
    part.install()
    assert part.state().present
    assert (before / lock).is_file()
