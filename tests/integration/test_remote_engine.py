"""Engines that are elsewhere: by ssh through one socket, by TCP with mutual TLS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import LiveStack, MakeStack
from in_containers import own_subnet
from remote_machine import Machine, remote_machine
from sample_apps import echo
from snapshots import docker, free_port, running, until, until_line
from tls_engine import TlsEngine, make_authority, tls_engine, write_client

from karst.effects.companion import Companion
from karst.effects.engine_tunnel import open_tunnel
from karst.effects.process import Processes
from karst.effects.ssh_words import SshAccess
from karst.errors import EngineError, ToolMissingError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Whatever ignores the way that was named finds nothing here.
NOWHERE = "unix:///nowhere/docker.sock"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with remote_machine(tmp_path_factory.mktemp("machine")) as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine without any engine."""
    with remote_machine(tmp_path_factory.mktemp("bare"), engine=False) as made:
        yield made


@pytest.fixture(autouse=True, scope="module")
def _own_folder() -> Iterator[None]:
    """For tunnels: others' come and go in the usual one."""
    with pytest.MonkeyPatch.context() as patch:
        # A socket's path is bounded, and the tests' own folders have long ones.
        folder = tempfile.mkdtemp(prefix="karst-own-", dir="/tmp")
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield
        shutil.rmtree(folder, ignore_errors=True)


def tunnels() -> set[str]:
    folder = Path(tempfile.gettempdir())
    return {path.name for path in folder.glob("karst-ssh-*")}


def ssh_programs(machine: Machine) -> list[str]:
    """Command lines of every ssh to this machine."""
    words = ["ps", "-eww", "-o", "args="]
    listed = subprocess.run(words, capture_output=True, text=True, check=True)
    port = f"-p {machine.port} "
    return [line for line in listed.stdout.splitlines() if port in line]


def by_ssh(stack: LiveStack, machine: Machine, **mesh: Any) -> None:
    document = {
        "name": stack.name,
        "services": [
            {"slug": stack.app("web", echo("web")), "calls": ["api"]},
            {"slug": stack.app("api", echo("api"))},
        ],
        "mesh": {"network": stack.network, "subnet": stack.subnet, **mesh},
        "target": {"docker_host": machine.address()},
    }
    (stack.folder / "repos.yaml").write_text(yaml.safe_dump(document))
    stack.environ |= {
        "DOCKER_HOST": NOWHERE,
        "KARST_SSH_KEY": machine.key,
        "KARST_SSH_KNOWN_HOSTS": machine.known_hosts,
    }
    machine.settle()


def test_a_whole_life_through_one_connection_for_each_command(
    make_stack: MakeStack, machine: Machine
) -> None:
    """Library, builder and Terraform: sshd takes one login at a time, and sees one."""
    stack = make_stack()
    own_subnet(stack, 201)
    by_ssh(stack, machine, default="deny")
    before, folders = machine.logins(), tunnels()
    stack.ok("deploy")
    assert machine.logins() == before + 1
    assert stack.run("plan", "--detailed-exitcode").returncode == 0
    found = stack.json("health", "--edges")
    assert found["healthy"]
    assert [e for e in found["edges"] if not e["well"]] == []
    assert stack.run("drift", "--detailed-exitcode").returncode == 0
    assert "api" in stack.ok("ps")
    assert machine.logins() == before + 5
    stack.ok("destroy", "--yes")
    assert stack.containers() == []
    until(lambda: not ssh_programs(machine), 60, "ssh is gone")
    assert tunnels() == folders


def test_the_keeper_is_told_the_engine_s_own_socket(machine: Machine) -> None:
    """On its own machine the engine does not listen where it is forwarded to here."""
    tunnel = tunnel_to(machine)
    try:
        assert tunnel.remote == "/var/run/docker.sock"
        assert tunnel.path.stat().st_mode & 0o777 == 0o600
        assert tunnel.folder.stat().st_mode & 0o777 == 0o700
        # Who is logged in needs no key any more.
        assert {p.name for p in tunnel.folder.iterdir()} == {"control", "docker.sock"}
    finally:
        tunnel.close()
    assert not tunnel.folder.exists()


def tunnel_to(machine: Machine, address: str = "", **access: str) -> Any:
    given = {"key": machine.key, "known_hosts": machine.known_hosts, **access}
    machine.settle()
    processes = Processes(dict(os.environ))
    return open_tunnel(address or machine.address(), processes, SshAccess(**given))


def test_the_other_side_names_its_engine(machine: Machine) -> None:
    """A rootless engine is told by the account's docker context; a path by the address."""
    for address, socket_there in (
        (machine.address("rootless"), "/srv/own/docker.sock"),
        (machine.address() + "/srv/own/docker.sock", "/srv/own/docker.sock"),
    ):
        tunnel = tunnel_to(machine, address)
        assert tunnel.remote == socket_there
        tunnel.close()


def test_files_do_as_well_as_texts(machine: Machine) -> None:
    tunnel = tunnel_to(
        machine,
        key=str(machine.folder / "key"),
        known_hosts=str(machine.folder / "known_hosts"),
    )
    tunnel.close()
    assert (machine.folder / "key").exists()


def test_a_key_as_secret_stores_mangle_it(machine: Machine) -> None:
    text = machine.key.rstrip("\n").replace("\n", "\r\n")
    tunnel_to(machine, key=text).close()


def test_the_user_s_agent_holds_the_key(machine: Machine, tmp_path: Path) -> None:
    sock = str(tmp_path / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        environ = {**os.environ, "SSH_AUTH_SOCK": sock}
        words = ["ssh-add", "-q", str(machine.folder / "key")]

        def add() -> bool:
            return not subprocess.call(words, env=environ, stdin=subprocess.DEVNULL)

        until(add, 60, "the agent listens")
        access = SshAccess("", machine.known_hosts)
        machine.settle()
        open_tunnel(machine.address(), Processes(environ), access).close()
    finally:
        agent.terminate()
        agent.wait()


# --- what goes wrong ------------------------------------------------------------------


def refusal(machine: Machine, address: str = "", **access: str) -> EngineError:
    folders = tunnels()
    with pytest.raises(EngineError) as caught:
        tunnel_to(machine, address, **access)
    assert tunnels() == folders
    assert caught.value.remedy
    return caught.value


def test_another_host_key_is_refused_before_the_key_is_shown(machine: Machine) -> None:
    before = machine.logins()
    wrong = (machine.folder / "other.pub").read_text()
    error = refusal(machine, known_hosts=f"[127.0.0.1]:{machine.port} {wrong}")
    assert error.what == "the host key is not among the known ones"
    assert "CHANGED" in error.detail
    unknown = refusal(machine, known_hosts=f"other.example {wrong}")
    assert unknown.what == "the host key is not among the known ones"
    assert machine.logins() == before


def test_no_key_and_a_foreign_key(machine: Machine) -> None:
    foreign = refusal(machine, key=(machine.folder / "other").read_text())
    assert foreign.what == "the machine does not accept the key"
    environ = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
    access = SshAccess("", machine.known_hosts)
    machine.settle()
    with pytest.raises(EngineError) as caught:
        open_tunnel(machine.address(), Processes(environ), access)
    assert caught.value.what == "no key opens that machine"


def test_a_key_that_is_none(machine: Machine) -> None:
    text = machine.key.replace("A", "B")
    assert refusal(machine, key=text).what == "the ssh key can't be read"
    assert "no such file" in refusal(machine, key="/no/such/key").what


def test_a_machine_that_does_not_answer(machine: Machine) -> None:
    error = refusal(machine, f"ssh://deploy@127.0.0.1:{free_port()}")
    assert error.what == "the machine does not answer"
    unknown = refusal(machine, "ssh://deploy@no-such-host.invalid")
    assert unknown.what == "no such host is known"


def test_an_account_that_may_not_use_the_engine(machine: Machine) -> None:
    error = refusal(machine, machine.address("visitor"))
    assert error.what == "the account there may not speak to /var/run/docker.sock"
    assert "usermod -aG docker" in error.remedy


def test_a_machine_without_an_engine(bare: Machine, machine: Machine) -> None:
    assert refusal(bare).what == "there is no Docker engine on that machine"
    missing = refusal(machine, machine.address() + "/run/no.sock")
    assert missing.what == "there is no socket at /run/no.sock on that machine"


@pytest.mark.parametrize("late", [False, True])
def test_an_sshd_that_forwards_nothing(
    machine: Machine, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether ssh's complaint or the end of the socket comes first."""
    keep = Companion._keep

    def keep_late(self: Companion, line: str) -> None:
        time.sleep(0.5)
        keep(self, line)

    if late:
        monkeypatch.setattr(Companion, "_keep", keep_late)
    # How long a complaint may take is not what is tried.
    monkeypatch.setattr("karst.effects.engine_tunnel._COMPLAINT_SECONDS", 60.0)
    error = refusal(machine, machine.address(strict=True))
    assert "forwards no sockets" in error.what
    assert "AllowStreamLocalForwarding" in error.remedy
    # ssh numbers its channels as they come: which one it was is its own affair.
    assert re.search(r"channel \d+: open failed", error.detail)


LISTEN = """
import os, socket, sys
path, answer = sys.argv[1:]
line = socket.socket(socket.AF_UNIX)
line.bind(path + ".new")
os.chmod(path + ".new", 0o666)
line.listen()
os.rename(path + ".new", path)
while answer:
    one = line.accept()[0]
    one.recv(65536)
    one.sendall(answer.encode())
    one.close()
"""


def test_an_engine_that_is_not_well(machine: Machine) -> None:
    """A socket that was left behind, one that ends at once, one that says 500."""
    for name, answer, what in (
        ("left", "", "forwards no sockets, or the engine's does not answer"),
        ("mute", "\r\n", "forwards no sockets, or the engine's does not answer"),
        ("ill", "HTTP/1.1 500 No\r\n\r\n", "answers 500 to a ping"),
    ):
        path = f"/srv/{name}.sock"
        words = ("exec", "-d", machine.container, "python", "-c", LISTEN)
        docker(*words, path, answer)
        there = ("exec", machine.container, "stat", path)
        until(lambda there=there: docker(*there, check=False), 60, path)
        error = refusal(machine, machine.address() + path)
        assert what in error.what


def test_without_the_client_a_sentence(machine: Machine, tmp_path: Path) -> None:
    without = {**os.environ, "PATH": str(tmp_path)}
    with pytest.raises(ToolMissingError, match="ssh"):
        open_tunnel(machine.address(), Processes(without), SshAccess())


def test_the_command_line_tells_it_with_its_exit_code(
    make_stack: MakeStack, machine: Machine
) -> None:
    stack = make_stack()
    by_ssh(stack, machine)
    outcome = stack.run("ps", KARST_SSH_KNOWN_HOSTS="other.example ssh-ed25519 AAAA")
    assert outcome.returncode == 16
    assert "the host key is not among the known ones" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "PRIVATE KEY" not in outcome.stdout + outcome.stderr
    (stack.folder / "repos.yaml").unlink()


def test_the_connection_ends_with_a_karst_that_is_killed(
    make_stack: MakeStack, machine: Machine, tmp_path: Path
) -> None:
    stack = make_stack()
    own_subnet(stack, 202)
    by_ssh(stack, machine)
    folders = tunnels()
    log = tmp_path / "log"
    with running(stack, "deploy", log=log) as process:
        until_line(process, log, "terraform apply")
        assert len(ssh_programs(machine)) == 1
        # ssh is left to notice by itself: that is what is tried.
        process.kill()
        process.wait()
    until(lambda: not ssh_programs(machine), 240, "ssh is gone")
    left = [Path(tempfile.gettempdir(), name) for name in tunnels() - folders]
    # The folder may stay; no key does.
    assert [f.name for each in left for f in each.iterdir() if f.is_file()] == []
    for each in left:
        shutil.rmtree(each)
    stack.ok("destroy", "--yes")


# --- TCP with TLS ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsEngine]:
    with tls_engine(tmp_path_factory.mktemp("tls")) as made:
        yield made


def test_a_whole_life_over_tls(make_stack: MakeStack, tls: TlsEngine) -> None:
    stack = make_stack()
    own_subnet(stack, 203)
    stack.write([{"slug": stack.app("web", echo("web"))}])
    stack.environ |= {
        "DOCKER_HOST": tls.address,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tls.folder),
    }
    stack.ok("deploy")
    assert stack.run("plan", "--detailed-exitcode").returncode == 0
    assert stack.json("health")["healthy"]
    stack.ok("destroy", "--yes")
    assert stack.containers() == []


@pytest.mark.parametrize("stranger", ["the engine's", "the client's"])
def test_strangers_are_refused_on_both_sides(
    make_stack: MakeStack, tls: TlsEngine, tmp_path: Path, stranger: str
) -> None:
    stack = make_stack()
    stack.write([{"slug": stack.app("web", echo("web"))}])
    write_client(tmp_path, make_authority("another CA"))
    if stranger == "the client's":
        shutil.copy(tls.folder / "ca.pem", tmp_path)
    given = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    outcome = stack.run("ps", DOCKER_HOST=tls.address, **given)
    assert outcome.returncode == 16, outcome.stderr
    assert "TLS with the engine failed" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    (stack.folder / "repos.yaml").unlink()


def test_what_expects_tls_gets_no_word_in_clear(
    make_stack: MakeStack, tls: TlsEngine
) -> None:
    stack = make_stack()
    stack.write([{"slug": stack.app("web", echo("web"))}])
    outcome = stack.run("ps", DOCKER_HOST=tls.address, DOCKER_TLS_VERIFY="")
    assert outcome.returncode == 16, outcome.stderr
    # A machine may be called localhost.
    elsewhere = "tcp://engine.example:2375"
    clear = stack.run("ps", DOCKER_HOST=elsewhere, DOCKER_TLS_VERIFY="")
    assert clear.returncode == 16
    assert "in clear" in clear.stderr
    (stack.folder / "repos.yaml").unlink()


def test_a_job_s_variables_for_another_engine_do_no_harm(make_stack: MakeStack) -> None:
    """GitLab's dind variables stay set where repos.yaml names a socket."""
    stack = make_stack()
    stack.write([{"slug": stack.app("web", echo("web"))}])
    outcome = stack.run(
        "doctor",
        DOCKER_HOST="unix:///var/run/docker.sock",
        DOCKER_TLS_VERIFY="1",
        DOCKER_CERT_PATH="/certs/client",
    )
    assert "unix:///var/run/docker.sock" in outcome.stdout
    assert "MISS  engine" not in outcome.stdout
    (stack.folder / "repos.yaml").unlink()
