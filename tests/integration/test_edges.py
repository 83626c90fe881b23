"""The edge matrix on a real stack: what is open, what is shut, and what asking leaves."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from cryptography import x509
from in_containers import source
from sample_apps import STORE, STORE_DOCKERFILE, WORKER, echo
from snapshots import free_port, volumes

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def shop(make_stack: MakeStack) -> LiveStack:
    stack = make_stack()
    stack.write(
        [
            {
                "slug": stack.app("web", echo("web")),
                "calls": ["api", "greeter"],
                "publish": free_port(),
            },
            {"slug": stack.app("api", echo("api")), "calls": ["store"]},
            {
                "slug": stack.app(
                    "store", STORE, "store.py", Dockerfile=STORE_DOCKERFILE
                ),
                "port": 5432,
                "protocol": "tcp",
                "build": "dockerfile",
                "user": "10001:10001",
            },
            {
                "slug": stack.app(
                    "greeter", source("greeter"), requirements__txt="grpcio\n"
                ),
                "protocol": "grpc",
            },
            {
                "slug": stack.app("worker", WORKER),
                "protocol": "none",
                "calls": ["store"],
                "health": {"process": True},
            },
        ],
        default="deny",
    )
    stack.ok("deploy")
    return stack


def asked(stack: LiveStack, *words: str, expect: int = 0) -> str:
    """What `karst health --edges` prints when its exit code is `expect`: an answer that
    takes a busy machine longer than it is waited for is a wrong one to the program."""
    for _ in range(10):
        outcome = stack.run("health", "--edges", *words)
        if outcome.returncode == expect:
            break
    assert outcome.returncode == expect, outcome.stdout + outcome.stderr
    return outcome.stdout


def matrix(stack: LiveStack, expect: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    edges = json.loads(asked(stack, "--json", expect=expect))["edges"]
    return {(e["caller"], e["callee"]): e for e in edges}


ALLOWED = {
    ("web", "api"),
    ("web", "greeter"),
    ("api", "store"),
    ("worker", "store"),
    ("karst-door-web", "web"),
}


def test_every_edge_is_as_repos_yaml_says(shop: LiveStack) -> None:
    # A server that speaks first, and later than the probe waits, has no latency.
    for _ in range(10):
        found = matrix(shop)
        if all(found[key]["latency_ms"] for key in ALLOWED):
            break
    callees = {"web", "api", "store", "greeter"}
    callers = {*callees, "worker", "karst-door-web"}
    pairs = {(a, b) for a in callers for b in callees if a != b}
    nobody = {("", name) for name in (*callees, "worker")}
    assert set(found) == pairs | nobody
    assert [e for e in found.values() if not e["well"]] == []
    words = {key: e["expected"] for key, e in found.items()}
    assert {key for key, word in words.items() if word == "allowed"} == ALLOWED
    assert {key for key, word in words.items() if word == "plaintext"} == nobody
    # Latency is the caller's own: for an answer that took a request and came back.
    assert {key for key, e in found.items() if (e["latency_ms"] or 0) > 0} >= ALLOWED
    # Which protocol's alert it is differs from one OpenSSL to the next.
    assert "alert certificate unknown" in found["api", "web"]["detail"]
    assert "certificate required" in found["", "store"]["detail"]


def test_the_text_names_what_is_open_and_counts_what_is_shut(shop: LiveStack) -> None:
    text = asked(shop)
    assert "5 of 5 allowed edges answered" in text
    assert "15 of 15 others refused" in text
    assert "5 of 5 services refused plaintext" in text
    assert "WRONG" not in text


def test_an_edge_that_is_open_against_the_books_is_named(shop: LiveStack) -> None:
    """The books are told another story than the sidecars: every difference is found."""
    told = {("web", "api"), ("web", "greeter"), ("api", "store"), ("api", "web")}
    # A right answer that came late is wrong, too: nobody is asked for long here.
    for _ in range(10):
        found = asked_with(shop, {"web": (), "api": ("web",), "worker": ("store",)})
        wrong = {(e.caller, e.callee): e.detail for e in found if not e.well}
        if set(wrong) == told:
            break
    assert set(wrong) == told
    assert "let it in" in wrong["web", "api"]
    assert "let it in" in wrong["api", "store"]
    assert "api" not in wrong["api", "web"]


def asked_with(stack: LiveStack, edges: dict[str, tuple[str, ...]]) -> Any:
    from dataclasses import replace

    from karst.cli.wiring import open_workbench
    from karst.pipeline import observing

    bench = open_workbench(stack.folder / "repos.yaml")
    releases, authority = observing.running(bench.tools, bench.spec)
    applied = replace(bench.tools.session.applied(), edges=edges)
    return observing.judge_edges(
        bench.tools, authority, bench.spec, releases, applied, patience=1.0
    )


def test_a_callee_that_is_down_is_named_by_its_callers(shop: LiveStack) -> None:
    app = shop.container("app", "api")["Id"]
    docker("pause", app)
    try:
        # As above: another may be late beside it.
        for _ in range(10):
            found = matrix(shop, expect=24)
            wrong = {key for key, e in found.items() if not e["well"]}
            if wrong == {("web", "api")}:
                break
    finally:
        docker("unpause", app)
    # Who may not call it is refused all the same: its sidecar says so, not the app.
    assert wrong == {("web", "api")}


def test_what_is_asked_with_leaves_nothing_and_is_nobody_else_s(
    shop: LiveStack,
) -> None:
    """Whoever takes a copy of the running probe finds no key, only what ends soon."""
    before = volumes(shop)
    listening: set[str] = set()
    # A look at a container that runs for seconds may come too late.
    for _ in range(15):
        if caught := catch(shop, listening):
            break
    assert caught, "no probe was caught whose keys were blanked"
    keys = {Path(path).stem for path in caught if path.endswith(".key")}
    assert keys >= {"api", "store", "worker", "greeter"}
    assert b"PRIVATE KEY" not in b"".join(caught.values())
    for path, data in caught.items():
        if path.endswith(".crt"):
            ends = x509.load_pem_x509_certificate(data).not_valid_after_utc
            assert ends - datetime.now(UTC) < timedelta(minutes=5), path
    assert listening == {"nobody"}
    wanted = f"--filter=label=karst.stack={shop.name}"
    assert docker("ps", "-aq", wanted, "--filter=label=karst.role=probe") == ""
    assert volumes(shop) == before


def catch(stack: LiveStack, listening: set[str]) -> dict[str, bytes]:
    """Files of the probe that carries identities, once its keys are empty; {} where
    that was not seen."""
    probe = subprocess.Popen(
        [sys.executable, "-m", "karst", "health", "--edges", "--json"],
        cwd=stack.folder,
        stdout=subprocess.DEVNULL,
    )
    wanted = f"--filter=label=karst.stack={stack.name}"
    found: dict[str, bytes] = {}
    try:
        while probe.poll() is None:
            listed = docker("ps", "-q", wanted, "--filter=label=karst.role=probe")
            for name in listed.split():
                files = copy(name)
                # Keys are blanked one after another while they are copied; and it may
                # end between one look and the next.
                keys = [d for path, d in files.items() if path.endswith(".key")]
                if keys and not any(keys) and (open_to := listeners(name)):
                    listening |= open_to
                    found = files
    finally:
        probe.wait()
    return found


def listeners(container: str) -> set[str]:
    """Local addresses on which a container listens for TCP; "nobody" for a look that
    found none."""
    words = ["exec", container, "cat", "/proc/net/tcp", "/proc/net/tcp6"]
    rows = [row.split() for row in docker(*words, check=False).splitlines()]
    if not rows:
        return set()
    # The engine's own name server listens on 127.0.0.11 in every container.
    open_to = {r[1] for r in rows if r[3:4] == ["0A"]}
    return {a for a in open_to if not a.startswith("0B00007F")} or {"nobody"}


def copy(container: str) -> dict[str, bytes]:
    """Path => content of all files under /probe of a container; {} once it is gone, and
    where a file became shorter while the engine packed it: that cuts off the archive."""
    done = subprocess.run(
        ["docker", "cp", f"{container}:/probe", "-"], capture_output=True, check=False
    )
    if done.returncode:
        return {}
    try:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            found = {m.name: tar.extractfile(m) for m in tar if m.isfile()}
            return {name: file.read() for name, file in found.items() if file}
    except tarfile.ReadError:
        return {}


def test_the_probe_in_a_namespace_has_no_key_and_no_rights(shop: LiveStack) -> None:
    # As above: these live for a second.
    for _ in range(15):
        if caught := catch_in_namespace(shop):
            break
    assert caught
    for found in caught:
        host = found["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert found["Config"]["User"] == "1338:1338"
        assert found["files"] in ([], ["probe/request.json"])


def catch_in_namespace(stack: LiveStack) -> list[dict[str, Any]]:
    """`docker inspect` of probes in the network namespace of another container, with
    the names of their files."""
    probe = subprocess.Popen(
        [sys.executable, "-m", "karst", "health", "--edges", "--json"],
        cwd=stack.folder,
        stdout=subprocess.DEVNULL,
    )
    wanted = f"--filter=label=karst.stack={stack.name}"
    caught = []
    try:
        while probe.poll() is None:
            ids = docker("ps", "-q", wanted, "--filter=label=karst.role=probe").split()
            for found in json.loads(docker("inspect", *ids, check=False) or "[]"):
                if "container:" in found["HostConfig"]["NetworkMode"]:
                    caught.append({**found, "files": sorted(copy(found["Id"]))})
    finally:
        probe.wait()
    return caught
