"""Bad input, as it is typed: a sentence, an exit code, and nothing changed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from snapshots import apart, free_port, snapshot

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SERVE = """
import http.server, os
address = ("127.0.0.1", int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
Service = dict[str, Any]


@pytest.fixture(scope="module")
def running(make_stack: MakeStack) -> LiveStack:
    """A stack of one healthy service, which no bad input may touch."""
    stack = apart(make_stack())
    stack.app("web", SERVE)
    stack.write([web()])
    stack.ok("deploy")
    return stack


@pytest.fixture
def untouched(running: LiveStack) -> Iterator[LiveStack]:
    """After the test everything runs as before, and the good file plans as empty."""
    before = snapshot(running)
    yield running
    running.write([web()])
    assert snapshot(running) == before
    assert running.run("plan", "--detailed-exitcode").returncode == 0


def web(**changed: Any) -> Service:
    return {"slug": "file:./web", "name": "web", **changed}


def refused(stack: LiveStack, *words: str, **environ: str) -> tuple[int, str]:
    outcome = stack.run(*words, **environ)
    assert "Traceback" not in outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if not line.startswith("[")]
    return outcome.returncode, "\n".join(told)


@pytest.mark.parametrize(
    ("services", "code", "what", "remedy"),
    [
        ([web(helth={})], 10, "unknown key, did you mean 'health'?", "known here"),
        ([web(), web()], 10, "'web'", "name"),
        ([{"slug": "hg:acme/web"}], 11, "'hg:acme/web' is no slug", "write gh:owner"),
        ([], 10, "", ""),
        ([web(port=15000)], 10, "port 15000 is the sidecar's own", ""),
        ([web(user="1337")], 10, "uid 1337 is the sidecar's own", ""),
        (
            [{"slug": "file:./nowhere", "name": "nowhere"}],
            12,
            "there is no such folder",
            "file: paths are relative to the folder of repos.yaml",
        ),
        (
            [{"slug": "gh:acme/api"}],
            12,
            "this version fetches file: slugs only",
            "clone",
        ),
    ],
)
def test_what_can_be_read_off_the_file(
    untouched: LiveStack, services: list[Service], code: int, what: str, remedy: str
) -> None:
    untouched.write(services)
    found, told = refused(untouched, "deploy")
    assert found == code
    assert what in told
    assert remedy in told
    assert "repos.yaml" in told or "service '" in told


def test_no_entrypoint(untouched: LiveStack) -> None:
    untouched.app("empty", "VALUE = 1\n", file="lib.py")
    untouched.write([web(), {"slug": "file:./empty", "name": "empty"}])
    code, told = refused(untouched, "deploy")
    assert code == 13
    assert "service 'empty'" in told
    assert "entrypoint:" in told


def test_an_ambiguous_entrypoint(untouched: LiveStack) -> None:
    both = "def main():\n    pass\n"
    untouched.app("twins", both, file="first.py", second__py=both)
    untouched.write([web(), {"slug": "file:./twins", "name": "twins"}])
    code, told = refused(untouched, "deploy")
    assert code == 13
    assert "first" in told
    assert "second" in told


def test_entrypoint_variable_that_could_mean_several(untouched: LiveStack) -> None:
    untouched.write([web(), web(name="other")])
    code, told = refused(untouched, "plan", ENTRYPOINT="a:b")
    assert code == 13
    assert "ENTRYPOINT is set, and several services could be meant" in told


def test_a_dependency_that_does_not_install(untouched: LiveStack) -> None:
    untouched.app("deps", SERVE, requirements__txt="karstkit-there-is-no-such==9\n")
    untouched.write([web(), {"slug": "file:./deps", "name": "deps"}])
    code, told = refused(untouched, "deploy")
    assert code == 14
    assert "deps" in told
    assert "a dependency can't be had" in told
    assert "karstkit-there-is-no-such" in told


def test_an_app_that_crashes_leaves_the_others_alone(untouched: LiveStack) -> None:
    crash = "import sys\nprint('no luck today')\nsys.exit(3)\n"
    untouched.app("crash", crash)
    service = {
        "slug": "file:./crash",
        "name": "crash",
        "health": {"tcp": True, "grace": "3s"},
    }
    before = snapshot(untouched)
    untouched.write([web(), service])
    outcome = untouched.run("deploy")
    assert outcome.returncode == 24
    assert "exit status 3" in outcome.stdout
    assert "no luck today" in outcome.stdout
    assert "Traceback" not in outcome.stderr
    after = snapshot(untouched)
    assert {n: after[n] for n in before} == before
    untouched.write([web()])
    untouched.ok("deploy")


def test_a_missing_secret(untouched: LiveStack) -> None:
    untouched.write([web(secrets=["NOT_SET_ANYWHERE"])])
    code, told = refused(untouched, "apply")
    assert code == 22
    assert "no value for NOT_SET_ANYWHERE (service web)" in told
    assert "set the variable" in told


def test_an_image_that_starts_as_root(untouched: LiveStack) -> None:
    image = untouched.container("app", "web")["Config"]["Image"]
    root = f"karsttest-root:{untouched.name}"
    subprocess.run(
        ["docker", "build", "-q", "-t", root, "-"],
        input=f"FROM {image}\nUSER 0\n".encode(),
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        check=True,
        capture_output=True,
    )
    untouched.write([web(), {"image": root, "name": "rooty", "port": 8000}])
    code, told = refused(untouched, "apply")
    docker("rmi", "-f", root)
    assert code == 15
    assert "the image of 'rooty' starts as root" in told
    assert '`user: "10001:10001"` under rooty' in told


def test_a_subnet_that_overlaps_names_free_ones(make_stack: MakeStack) -> None:
    stack = apart(make_stack())
    stack.app("web", SERVE)
    stack.subnet = "172.17.0.0/16"  # the engine's own bridge
    stack.write([web()])
    code, told = refused(stack, "plan")
    assert code == 17
    assert "overlaps with the engine's network 'bridge'" in told
    assert "set mesh.subnet to a free range, such as 1" in told
    assert stack.containers() == []


def test_a_host_port_that_a_program_holds(make_stack: MakeStack) -> None:
    stack = apart(make_stack())
    stack.app("web", SERVE)
    port = free_port()
    stack.write([web(publish=f"127.0.0.1:{port}")])
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        code, told = refused(stack, "deploy")
    assert code == 17
    assert "host port" in told
    # The same command again, with the port free, ends well.
    stack.ok("deploy")


def test_no_engine(running: LiveStack, tmp_path: Path) -> None:
    code, told = refused(running, "plan", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert code == 16
    assert "the Docker engine does not answer" in told
    assert "start it" in told


def test_no_provider(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = apart(make_stack())
    stack.app("web", SERVE)
    stack.write([web()])
    config = tmp_path / "terraform.rc"
    config.write_text(
        f'provider_installation {{ filesystem_mirror {{ path = "{tmp_path}" }} }}\n'
    )
    environ = {"KARST_CACHE": str(tmp_path)}
    code, told = refused(stack, "plan", **environ)
    assert code == 19
    assert "the Docker provider (kreuzwerker/docker 4.x) can't be had" in told
    assert "make bootstrap" in told
    # With the provider at hand the same folder works.
    assert stack.run("plan").returncode == 0


def test_the_ca_of_a_running_stack_is_not_made_anew(untouched: LiveStack) -> None:
    secrets = untouched.folder / "secrets"
    away = secrets.rename(untouched.folder / "away")
    try:
        code, told = refused(untouched, "apply")
        assert code == 23
        assert "trust a CA whose key is not here" in told
        assert not secrets.exists()
    finally:
        away.rename(secrets)


def test_a_disk_without_room(running: LiveStack, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(full)], check=True
    )
    try:
        code, told = refused(running, "plan", KARST_STATE_DIR=str(full))
    finally:
        subprocess.run(["umount", str(full)], check=True)
    assert code == 25
    assert "there is no room left on the disk" in told


def test_a_service_that_is_not_there(running: LiveStack) -> None:
    code, told = refused(running, "logs", "--service", "wob")
    assert code == 10
    assert "there is no service 'wob'" in told
    assert "choose one of web" in told
