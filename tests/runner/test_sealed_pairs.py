"""The sidecar's promises on a real engine: sealed, gated, alive again, never in clear."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_story_of_two_services(pairs_field: Any, eventually: Any) -> None:
    # For as long as it takes here, an app that has not begun is late for nobody.
    health = {"kind": "http", "target": "/", "grace": 300, "interval": 0.3}
    web, api = (pairs_field.pair(name, health=health) for name in ("web", "api"))
    for pair in (web, api):
        pair.create_app("python3", "/app.py")
        pair.start_app()

    # The gate: no set of mesh files, so Envoy is not there, so no app may begin.
    time.sleep(1.5)
    assert "app begins" not in web.logs()
    web.becomes("STARTING", mesh_version="", detail="the app is not started yet")

    web_files = pairs_field.files(web, calls=(api,))
    api_files = pairs_field.files(api, by=(web,))
    web.deliver(web_files, 1)
    api.deliver(api_files, 1)
    for pair, files in ((web, web_files), (api, api_files)):
        pair.becomes("SERVING", mesh_version=files.version, mesh_error="")
        # The line takes another way than the answer.
        lines = eventually(lambda pair=pair: pair.health()["last_lines"])
        assert lines[0]["text"] == "app begins"

    # In clear to its own sidecar, by mutual TLS between them, and with its secret.
    eventually(lambda: web.get("/call/api:8000/") == "api secret=s3cret")
    # Itself, by its own name; a callee by its real address gets nothing.
    assert web.get("/call/web:8000/") == "web secret=s3cret"
    assert web.get(f"/call/{api.address}:8000/").startswith("failed")
    # The other direction is not allowed, and has no name.
    assert api.get("/call/web:8000/").startswith("failed")
    assert api.get(f"/call/{web.virtual}:8000/").startswith("failed")


def test_what_is_left_to_pid_1_and_its_children(
    pairs_field: Any, eventually: Any
) -> None:
    api = pairs_field.pair("api")
    api.deliver(pairs_field.files(api), 1)
    api.create_app("python3", "/app.py")
    api.start_app()
    api.becomes("SERVING")
    # The program that asked for its health may just be ending.
    eventually(lambda: len(api.processes()) == 3)
    agent, *children = api.processes()
    # KILL, SETGID, SETUID, SETPCAP: what starting Envoy under its own uid takes.
    few = {"CapInh": 0, "CapPrm": 0x1E0, "CapEff": 0x1E0, "CapBnd": 0x1E0}
    assert agent[1:] == (0, few)
    (_, server_uid, server), (_, envoy_uid, envoy) = sorted(
        children, key=lambda child: child[1]
    )
    assert server_uid == 1338
    assert server["CapEff"] == server["CapPrm"] == 0
    # A uid that nobody can have named beforehand.
    assert envoy_uid >= 20_000
    assert envoy == {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0}


def test_envoy_and_the_server_come_back(pairs_field: Any) -> None:
    api = pairs_field.pair("api")
    api.deliver(pairs_field.files(api), 1)
    api.create_app("python3", "/app.py")
    api.start_app()
    api.becomes("SERVING")
    api.kill(envoy=True)
    api.kill(envoy=False)
    # How long neither answers is over, on some days, before anybody has asked.
    said = api.becomes("SERVING", envoy_restarts=1)
    # The shim's link is a new one; what it told before is told again.
    assert (said["restarts"], said["started_at"] > 0) == (0, True)
    assert api.get("/") == "api secret=s3cret"


def test_a_new_set_is_taken_up_and_a_bad_one_is_reported(
    pairs_field: Any, eventually: Any, broken: Any
) -> None:
    web, api = pairs_field.pair("web"), pairs_field.pair("api")
    for pair in (web, api):
        pair.deliver(pairs_field.files(pair), 1)
        pair.create_app("python3", "/app.py")
        pair.start_app()
        pair.becomes("SERVING")
    assert web.get("/call/api:8000/").startswith("failed")

    newer = pairs_field.files(web, calls=(api,))
    web.deliver(newer, 2)
    api.deliver(pairs_field.files(api, by=(web,)), 2)
    eventually(lambda: web.health()["mesh_version"] == newer.version)
    eventually(lambda: web.get("/call/api:8000/") == "api secret=s3cret")

    # A file that is not what the manifest says: nothing moves.
    web.deliver(broken(pairs_field.files(web), "lds.json", b"{}"), 3)
    reason = "lds.json is not what the manifest says"
    eventually(lambda: web.health()["mesh_error"].endswith(reason))
    web.becomes("SERVING", mesh_version=newer.version)
    # An older one: neither.
    web.deliver(pairs_field.files(web), 1)
    eventually(lambda: "its sequence 1 is not above 2" in web.health()["mesh_error"])
    assert web.get("/call/api:8000/") == "api secret=s3cret"

    # Whole, but nothing that Envoy can use: it says so, and the old one stays in force.
    bad = broken(
        pairs_field.files(web, calls=(api,)),
        "lds.json",
        b'{"resources": 1}',
        whole=True,
    )
    web.deliver(bad, 4)
    eventually(lambda: "listener_manager.lds" in web.health()["mesh_error"])
    assert web.get("/call/api:8000/") == "api secret=s3cret"


def test_the_shim_restarts_with_a_reason_and_a_job_ends(
    pairs_field: Any, eventually: Any
) -> None:
    api, job = pairs_field.pair("api"), pairs_field.pair("job", kind="job")
    for pair in (api, job):
        pair.deliver(pairs_field.files(pair), 1)
    api.create_app("python3", "/app.py")
    job.create_app("sh", "-c", "echo migrated; exit 4")
    for pair in (api, job):
        pair.start_app()
    said = job.becomes("FAILED")
    assert (said["exit_code"], said["exit_reason"]) == (4, "exit status 4")
    assert [line["text"] for line in said["last_lines"]] == ["migrated"]
    # It is told before the container has ended.
    eventually(lambda: job.app_state() == ("exited", 4))

    api.becomes("SERVING")
    api.get("/die")
    said = api.becomes("SERVING", restarts=1)
    assert (said["exit_code"], said["exit_reason"]) == (3, "exit status 3")
    api.get("/kill")
    said = api.becomes("SERVING", restarts=2)
    assert said["exit_reason"] == "killed by SIGKILL"


def test_an_app_that_ends_at_once_is_failed(pairs_field: Any) -> None:
    api = pairs_field.pair("api")
    api.deliver(pairs_field.files(api), 1)
    api.create_app("true")
    api.start_app()
    said = api.becomes("FAILED")
    assert said["detail"].startswith("the app ended: exit status 0; next start after")


def test_an_app_on_another_port_is_told_where_it_listens(pairs_field: Any) -> None:
    health = {"kind": "http", "target": "/", "grace": 300, "interval": 0.3}
    api = pairs_field.pair("api", health=health)
    api.deliver(pairs_field.files(api), 1)
    api.create_app("python3", "-m", "http.server", "9123", "--bind", "127.0.0.1")
    api.start_app()
    refused = "GET 127.0.0.1:8000/: Connection refused"
    where = "the app listens on 9123, not on PORT"
    api.becomes("STARTING", probe=f"{refused}; {where}")


def test_all_of_a_sidecar_and_its_shim_fit_into_70_mib(pairs_field: Any) -> None:
    api = pairs_field.pair("api")
    api.deliver(pairs_field.files(api), 1)
    api.create_app("sleep", "1000")
    api.start_app()
    # Late it may be before it has begun; only then are all of them there.
    api.becomes("NOT_SERVING", probe="GET 127.0.0.1:8000/: Connection refused")
    assert api.memory() < 70 * 2**20


def test_a_compromised_app_gets_round_nothing(pairs_field: Any) -> None:
    """Sockets of the app's own towards a peer: TCP is Envoy's, the rest is refused."""
    web, api = pairs_field.pair("web"), pairs_field.pair("api")
    for pair in (web, api):
        pair.deliver(pairs_field.files(pair), 1)
        pair.create_app("python3", "/app.py")
        pair.start_app()
        pair.becomes("SERVING")
    listening = api.listen_for_udp(5353)
    attempt = (
        "import socket as s\n"
        "def tcp(a,p):\n"
        "  try:\n"
        "    c=s.create_connection((a,p),2);c.settimeout(2);c.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n');return c.recv(99)\n"
        "  except OSError as e: return type(e).__name__\n"
        "def udp(a,p):\n"
        "  try:\n"
        "    c=s.socket(s.AF_INET,s.SOCK_DGRAM);c.settimeout(1);c.connect((a,p));c.send(b'x');c.send(b'x');return 'sent'\n"
        "  except OSError as e: return type(e).__name__\n"
        f"a={api.address!r}\n"
        "print([tcp(a,p) for p in (8000,50051,9901,15000,15001)])\n"
        "print([tcp('127.0.0.1',p) for p in (15000,15001)])\n"
        "print(udp(a,5353), udp('224.0.0.1',5353))\n"
    )
    lines = web.in_app(attempt).splitlines()
    nothing = ("b''", "'ConnectionResetError'", "'TimeoutError'")
    assert [x for x in lines[0].strip("[]").split(", ") if x not in nothing] == []
    assert lines[2].startswith(("OSError", "PermissionError", "ConnectionRefusedError"))
    assert listening() == "b'own'"
    assert lines[1] == "['ConnectionRefusedError', 'ConnectionRefusedError']"
