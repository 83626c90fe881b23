"""Bad input is a sentence with an exit code of its own, and touches nobody.

Every test says what is wrong, where, and what to do about it, word for word; the
stack that runs meanwhile is the same before and after.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_apps import CRASH, echo
from snapshots import (
    docker,
    eventually_get,
    free_port,
    get,
    running,
    snapshot,
    until,
    until_line,
)

if TYPE_CHECKING:
    from conftest import LiveStack, MakeStack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROGRESS = re.compile(r"^\[ *[\d.]+s\] .*\n", re.MULTILINE)
Service = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    """A stack that runs well; a test adds to its repos.yaml what is bad."""

    stack: LiveStack
    port: int

    def write(self, *more: Service | str, **mesh: Any) -> None:
        health = {"http": "/", "grace": "30s"}
        api = {"name": "api", "slug": "file:./api", "health": health}
        web = {
            "name": "web",
            "slug": "file:./web",
            "calls": ["api"],
            "publish": f"127.0.0.1:{self.port}",
            "health": health,
        }
        services: list[Any] = [api, web, *more]
        self.stack.write(services, **{"default": "deny", **mesh})

    def refuses(self, code: int, *words: str, **environ: str) -> str:
        """Run `karst WORDS`, which must fail and touch nobody; the error's text."""
        before = snapshot(self.stack)
        outcome = self.stack.run(*words, **environ)
        assert outcome.returncode == code, outcome.stdout + outcome.stderr
        assert "Traceback" not in outcome.stdout + outcome.stderr
        assert snapshot(self.stack) == before
        return PROGRESS.sub("", outcome.stderr)

    def spares_others(self, code: int, **environ: str) -> str:
        """Deploy what fails only later; everybody else must be as before."""
        before = snapshot(self.stack)
        outcome = self.stack.run("deploy", **environ)
        assert outcome.returncode == code, outcome.stdout + outcome.stderr
        assert "Traceback" not in outcome.stdout + outcome.stderr
        after = snapshot(self.stack)
        assert {n: after.get(n) for n in before} == before
        assert get(self.port, "/call/api:8000") == (200, "api")
        return outcome.stdout + PROGRESS.sub("", outcome.stderr)


@pytest.fixture(scope="module")
def shop(make_stack: MakeStack) -> Shop:
    stack = make_stack()
    stack.app("api", echo("api"))
    stack.app("web", echo("web"))
    made = Shop(stack, free_port())
    made.write()
    stack.ok("deploy")
    return made


@pytest.fixture(autouse=True)
def _mended(shop: Shop) -> Iterator[None]:
    """After each test the file is good again."""
    yield
    shop.write()


def _line_of(shop: Shop, text: str) -> int:
    lines = (shop.stack.folder / "repos.yaml").read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


# --- what repos.yaml says itself ---------------------------------------------------


def test_an_unknown_key(shop: Shop) -> None:
    shop.write({"name": "more", "slug": "file:./api", "helth": {"http": "/"}})
    told = shop.refuses(10, "deploy")
    line = _line_of(shop, "helth")
    assert told.startswith(
        f"karst: repos.yaml:{line} services[2].helth: unknown key, did you mean 'health'?\n"
        "  -> known here: slug, image, name,"
    )


def test_two_services_of_one_name(shop: Shop) -> None:
    shop.write({"slug": "file:./api", "name": "api"})
    told = shop.refuses(10, "deploy")
    assert re.sub(r"yaml:\d+", "yaml:N", told) == (
        "karst: repos.yaml:N services[2]: the name 'api' is already that of services[0]\n"
        "  -> give one of them another name\n"
    )


def test_a_slug_that_is_none(shop: Shop) -> None:
    shop.write("gh:acme")
    told = shop.refuses(11, "plan")
    assert re.sub(r"yaml:\d+", "yaml:N", told) == (
        "karst: repos.yaml:N services[2]: 'acme' in 'gh:acme' is no repository path\n"
        "  -> write gh:owner/repo, gl:group/repo, bb:workspace/repo or file:./path, "
        "optionally with #branch, #tag or #commit\n"
    )


def test_a_folder_that_is_not_there(shop: Shop) -> None:
    shop.write({"slug": "file:./nowhere", "name": "more"})
    assert shop.refuses(12, "deploy") == (
        f"karst: service 'more', file:./nowhere ({shop.stack.folder}/nowhere): "
        "there is no such folder\n"
        "  -> file: paths are relative to the folder of repos.yaml\n"
    )


def test_a_list_without_entries(shop: Shop) -> None:
    (shop.stack.folder / "repos.yaml").write_text("services: []\n")
    before = snapshot(shop.stack)
    told = shop.stack.run("deploy", "--stack", shop.stack.name)
    assert (told.returncode, told.stderr) == (
        10,
        "karst: repos.yaml:1 services: the list is empty\n  -> write at least one entry\n",
    )
    assert snapshot(shop.stack) == before


def test_no_repos_yaml(shop: Shop) -> None:
    assert shop.refuses(10, "plan", "--file", "elsewhere.yaml") == (
        "karst: elsewhere.yaml: there is no such file\n"
        "  -> name it with --file, or write one to begin with: `karst init`\n"
    )


def test_a_service_that_nobody_knows(shop: Shop) -> None:
    assert shop.refuses(10, "health", "--service", "wbe") == (
        "karst: --service: there is no service 'wbe'\n  -> choose one of api, web\n"
    )


# --- how it starts ------------------------------------------------------------------


def test_nothing_to_start(shop: Shop) -> None:
    slug = shop.stack.app("bare", "only words\n", file="notes.txt")
    shop.write({"slug": slug, "name": "more"})
    told = shop.refuses(13, "deploy")
    assert told.startswith("karst: service 'more', ")
    assert (
        ": nothing to start was found\n"
        "  -> name it in repos.yaml, for example 'entrypoint: package.module:function', "
        "or write a Dockerfile and 'build: dockerfile'\n"
        "  | looked for, in this order:\n"
    ) in told


def test_more_than_one_thing_to_start(shop: Shop) -> None:
    guard = 'if __name__ == "__main__":\n    print(1)\n'
    shop.write({"slug": shop.stack.app("two", guard, "a.py", b__py=guard), "name": "m"})
    told = shop.refuses(13, "deploy")
    assert told.endswith(
        ": 2 programs are equally likely to be the one to start\n"
        "  -> choose by one line in repos.yaml: entrypoint: a.py\n"
        '  | entrypoint: a.py    # a.py:1 if __name__ == "__main__":\n'
        '  | entrypoint: b.py    # b.py:1 if __name__ == "__main__":\n'
    )


def test_one_entrypoint_for_several_services(shop: Shop) -> None:
    assert shop.refuses(13, "deploy", ENTRYPOINT="main:run") == (
        "karst: the environment variable ENTRYPOINT: ENTRYPOINT is set, "
        "and several services could be meant\n"
        "  -> write `entrypoint:` under the service in repos.yaml, "
        "and unset ENTRYPOINT\n"
    )


# --- what is taken ------------------------------------------------------------------


def test_a_port_that_a_container_has(shop: Shop) -> None:
    port, name = free_port(), f"{shop.stack.name}-squatter"
    image = shop.stack.container("app", "api")["Config"]["Image"]
    publish = f"--publish=127.0.0.1:{port}:80"
    docker("run", "-d", f"--name={name}", publish, "--entrypoint=sleep", image, "300")
    shop.write(_more(publish=f"127.0.0.1:{port}"))
    try:
        told = shop.refuses(17, "deploy")
    finally:
        docker("rm", "-f", name)
    assert told == (
        f"karst: repos.yaml services.more.publish: host port 127.0.0.1:{port} "
        f"is published by container '{name}'\n"
        "  -> publish on another port, or stop that container\n"
    )


def test_a_port_that_another_program_has(shop: Shop) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        shop.write(_more(publish=f"127.0.0.1:{port}"))
        told = shop.spares_others(17)
    assert (
        "karst: publish: a published host port is taken\n"
        "  -> publish on another port, or stop what listens there\n"
    ) in told
    assert f"127.0.0.1:{port}" in told
    shop.stack.ok("deploy")
    # A door may come up after all services are healthy.
    until(lambda: eventually_get(port) == (200, "api"), 120, "the door answers")
    shop.write()
    shop.stack.ok("deploy")


def _more(**keys: Any) -> Service:
    health = {"http": "/", "grace": "30s"}
    return {"name": "more", "slug": "file:./api", "health": health, **keys}


def test_a_subnet_that_another_network_has(make_stack: MakeStack, shop: Shop) -> None:
    other = make_stack()
    other.subnet = shop.stack.subnet
    other.write([{"slug": other.app("api", echo()), "name": "api"}])
    outcome = other.run("deploy")
    assert outcome.returncode == 17
    told = PROGRESS.sub("", outcome.stderr)
    head, _, free = told.partition("such as ")
    assert head == (
        f"karst: repos.yaml mesh.subnet: {other.subnet} overlaps with the engine's "
        f"network '{shop.stack.network}' ({other.subnet})\n"
        "  -> set mesh.subnet to a free range, "
    )
    assert re.fullmatch(r"(\d+\.\d+\.0\.0/16, ){2}\d+\.\d+\.0\.0/16\n", free)
    assert other.containers() == []


# --- what shows while it is built or started ---------------------------------------


def test_a_dependency_that_does_not_install(shop: Shop) -> None:
    wheel = "./missing-1.0-py3-none-any.whl\n"
    slug = shop.stack.app("deps", echo(), requirements__txt=wheel)
    shop.write(_more(slug=slug))
    told = shop.refuses(14, "deploy")
    assert told.startswith("karst: service 'more'"), told[:200]
    assert "  -> " in told
    assert "Distribution not found at: file:///app/missing-1.0" in told, told


def test_an_app_that_crashes(shop: Shop) -> None:
    shop.write(_more(slug=shop.stack.app("crash", CRASH)))
    told = shop.spares_others(24)
    assert "the app ended: exit status 1" in told
    assert "  | cannot open ledger.db\n" in told
    assert (
        f"karst: stack {shop.stack.name}: not healthy: more\n"
        "  -> read the lines above, mend the service, and run the same command again\n"
    ) in told
    shop.write()
    shop.stack.ok("deploy")


def test_an_image_that_starts_as_root(shop: Shop) -> None:
    shop.write({"image": "python:3.11-slim", "name": "more"})
    assert shop.refuses(15, "deploy") == (
        "karst: python:3.11-slim: the image of 'more' starts as root, "
        "and no app has root's rights in the mesh\n"
        '  -> name the user it should run as, such as `user: "10001:10001"` under more '
        '(`user: "0:0"` runs it as root without any capability)\n'
    )


def test_the_user_of_the_sidecar(shop: Shop) -> None:
    shop.write({"image": "python:3.11-slim", "name": "more", "user": "1337"})
    told = shop.refuses(10, "deploy")
    assert re.sub(r"yaml:\d+", "yaml:N", told) == (
        "karst: repos.yaml:N services[2].user: uid 1337 is the sidecar's own\n"
        "  -> choose another uid, such as 1000\n"
    )


# --- what the machine lacks ---------------------------------------------------------


def test_no_engine(shop: Shop, tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/docker.sock"
    for words in (["plan"], ["deploy"], ["health"], ["ps"], ["destroy", "--yes"]):
        told = shop.refuses(16, *words, DOCKER_HOST=dead)
        assert told.startswith(
            f"karst: reaching the engine at {dead}: the Docker engine does not answer\n"
            "  -> start it, or name another with DOCKER_HOST or target.docker_host; "
            "`karst doctor` tells more\n"
        )


def test_no_provider(shop: Shop, tmp_path: Path) -> None:
    began = time.monotonic()
    told = shop.refuses(
        19,
        "plan",
        HOME=str(tmp_path),
        KARST_CACHE=str(tmp_path / "cache"),
        KARST_STATE_DIR=str(tmp_path / "state"),
        TF_CLI_CONFIG_FILE=str(tmp_path / "none.rc"),
        HTTPS_PROXY="http://127.0.0.1:9",
    )
    assert time.monotonic() - began < 150
    where = tmp_path / "state" / shop.stack.name
    assert told.startswith(
        f"karst: {where}: the Docker provider (kreuzwerker/docker 4.x) can't be had\n"
        "  -> run `make bootstrap`, or let this machine reach Terraform's registry "
        "or a mirror of it\n"
    )


def test_no_value_for_a_secret(shop: Shop) -> None:
    shop.write(_more(secrets=["NO_SUCH_TOKEN", "NOR_THIS"]))
    assert shop.refuses(22, "deploy") == (
        "karst: the environment: no value for NO_SUCH_TOKEN (service more), "
        "NOR_THIS (service more)\n"
        "  -> set the variable in the environment (or in .env on a terminal) "
        "under that name\n"
    )


def test_a_state_that_somebody_holds(shop: Shop) -> None:
    shop.stack.app("api", echo("changed"))
    folder = shop.stack.folder / ".karst" / shop.stack.name
    with (folder / "stack.tfstate").open("r+") as state:
        fcntl.lockf(state, fcntl.LOCK_EX)
        told = shop.refuses(20, "deploy")
    shop.stack.app("api", echo("api"))
    assert told.startswith(f"karst: {folder}: the state is locked")
    assert (
        "  -> wait for the other run to end; if it died, release the lock with "
        f"`terraform -chdir={folder} force-unlock "
    ) in told


def test_another_karst_at_work(shop: Shop) -> None:
    folder = shop.stack.folder / ".karst" / shop.stack.name
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert shop.refuses(20, "plan") == (
            f"karst: {folder}: another karst works on this stack\n"
            "  -> wait for it to end, and run the same command again\n"
        )


def test_a_state_that_knows_nothing_of_what_runs(shop: Shop, tmp_path: Path) -> None:
    told = shop.refuses(18, "deploy", KARST_STATE_DIR=str(tmp_path))
    assert (
        f": the engine runs '{shop.stack.name}' already, "
        "and the state here does not know it\n"
        "  -> bring back the state with which it was deployed, or begin anew after "
        "`karst destroy`; another stack of this name needs `--stack`\n"
    ) in told


@pytest.mark.parametrize("room", ["12k", "36k", "48k", "52k"])
def test_no_room_for_the_state(shop: Shop, tmp_path: Path, room: str) -> None:
    with _small_disk(tmp_path / "small", room) as folder:
        told = shop.refuses(25, "plan", KARST_STATE_DIR=str(folder))
    assert told.startswith("karst: ")
    assert f"{folder}/{shop.stack.name}" in told.splitlines()[0]
    assert (
        ": there is no room left on the disk\n"
        "  -> free some room (`docker system df` and `df -h` show where it went), "
        "then run the same command again\n"
    ) in told


@contextlib.contextmanager
def _small_disk(folder: Path, room: str) -> Iterator[Path]:
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr}")
    try:
        yield folder
    finally:
        # A provider that has just been ended may still hold it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_no_room_for_a_build(shop: Shop) -> None:
    # A build's /dev/shm holds 64 MiB: as full as a disk can be without harm to others.
    fill = "FROM python:3.11-slim\nRUN dd if=/dev/zero of=/dev/shm/x bs=1M count=99\n"
    slug = shop.stack.app("full", echo(), Dockerfile=fill)
    shop.write(_more(slug=slug, build="dockerfile"))
    told = shop.refuses(25, "deploy")
    assert "there is no room left on the disk\n  -> free some room" in told


# --- whose certificates -------------------------------------------------------------


@pytest.fixture
def kept_secrets(shop: Shop, tmp_path: Path) -> Iterator[Path]:
    """The stack's own secrets folder, brought back as it was."""
    folder = shop.stack.folder / "secrets"
    shutil.copytree(folder, tmp_path / "kept")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tmp_path / "kept", folder)


def test_a_ca_that_is_not_at_hand(shop: Shop, kept_secrets: Path) -> None:
    shutil.rmtree(kept_secrets)
    shop.stack.app("api", echo("changed"))
    told = shop.refuses(23, "deploy")
    shop.stack.app("api", echo("api"))
    assert told == (
        f"karst: {kept_secrets}: the running services of '{shop.stack.name}' trust a CA "
        "whose key is not here\n"
        "  -> bring back ca.pem and ca.key from where the stack was deployed, give them "
        "as inputs, or `karst destroy` first; a second CA would cut every service off\n"
    )
    assert not kept_secrets.exists(), "no second CA in silence"


def test_half_a_ca(shop: Shop, kept_secrets: Path) -> None:
    (kept_secrets / "ca.key").unlink()
    assert shop.refuses(23, "deploy") == (
        f"karst: {kept_secrets}: ca.key is missing beside its other half\n"
        "  -> put a CA certificate and its unencrypted key there, PEM, "
        "or move both away to have a new one made\n"
    )


def test_a_ca_that_is_another(
    shop: Shop, kept_secrets: Path, make_stack: MakeStack
) -> None:
    foreign = make_stack()
    foreign.write([{"slug": foreign.app("one", CRASH), "name": "one"}])
    foreign.run("deploy")  # it fails, but makes a CA first
    for name in ("ca.pem", "ca.key"):
        shutil.copy(foreign.folder / "secrets" / name, kept_secrets / name)
    told = shop.refuses(23, "deploy")
    assert told.startswith(
        f"karst: {kept_secrets}: the running services of '{shop.stack.name}' "
        "trust another CA than this one\n  -> use the CA with fingerprint "
    )


@pytest.mark.parametrize("name", ["ca.key", "ca.pem"])
def test_a_ca_that_was_tampered_with(shop: Shop, kept_secrets: Path, name: str) -> None:
    (kept_secrets / name).write_text("not PEM at all")
    told = shop.refuses(23, "deploy")
    assert told.startswith(
        f"karst: {kept_secrets}: the CA's certificate or key can't be read ("
    )
    assert "\n  -> put a CA certificate and its unencrypted key there, PEM" in told


def test_a_leaf_that_was_tampered_with_is_issued_anew(
    shop: Shop, kept_secrets: Path
) -> None:
    before = snapshot(shop.stack)
    (kept_secrets / "api.crt").write_text("not PEM at all")
    shop.stack.ok("deploy")
    assert "BEGIN CERTIFICATE" in (kept_secrets / "api.crt").read_text()
    assert snapshot(shop.stack) == before
    calls = (shop.port, "/call/api:8000")
    until(lambda: eventually_get(*calls) == (200, "api"), 120, "it calls")


# --- the user changes their mind ----------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("building", signal.SIGINT),
        ("terraform apply", signal.SIGTERM),
        ("waiting for", signal.SIGINT),
    ],
)
def test_an_interrupt(
    shop: Shop, tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    text = echo(f"{moment} {number.name}")
    if moment == "waiting for":
        main = 'if __name__ == "__main__":\n'
        text = text.replace(main, f"{main}    time.sleep(10)  # it is waited for\n")
    shop.write(_more(slug=shop.stack.app("late", text)))
    before, log = snapshot(shop.stack), tmp_path / "log"
    with running(shop.stack, "deploy", log=log) as process:
        until_line(process, log, moment)
        time.sleep(0.2)
        os.kill(process.pid, number)
        code = process.wait(timeout=300)
    told = PROGRESS.sub("", log.read_text())
    assert code == 130, told
    assert told.endswith("karst: interrupted; run the same command again to go on\n")
    assert "Traceback" not in told
    after = snapshot(shop.stack)
    assert {n: after.get(n) for n in before} == before
    shop.stack.ok("deploy")
    after = snapshot(shop.stack)
    assert {n: after.get(n) for n in before} == before
    shop.write()
    shop.stack.ok("deploy")
    assert snapshot(shop.stack) == before
