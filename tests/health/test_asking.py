"""What the probe is asked, and what its answers become."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from karst.effects.engine_facts import ContainerState
from karst.effects.engine_volumes import OneShot
from karst.health import (
    Member,
    ProbeSetting,
    Question,
    Verdict,
    ask,
    ask_edges,
    with_engine_word,
)
from karst.health.engine_word import describe_exit, job_verdict
from karst.pki import Identity, LocalAuthority

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AGENT = {
    "port": 8000,
    "protocol": "http",
    "kind": "service",
    "health": {"kind": "http", "target": "/"},
}


def setting() -> ProbeSetting:
    authority = LocalAuthority.create("shop", now=NOW)
    return ProbeSetting(object(), "side:1", "net", "shop", authority, NOW)  # type: ignore[arg-type]


def question(name: str) -> Question:
    return Question(Identity("shop", name), "1a2b", "10.0.0.7", AGENT, "v1")


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[OneShot]:
    shots: list[OneShot] = []

    def run(_: object, shot: OneShot) -> Iterator[str]:
        shots.append(shot)
        return iter(lines)

    monkeypatch.setattr("karst.health.asking.run_once", run)
    return shots


def test_the_probe_has_an_identity_and_no_rights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shots = answer(monkeypatch)
    list(ask(setting(), [question("web")], deadline=3))
    (shot,) = shots
    assert (shot.user, shot.network, shot.command) == ("1338:1338", "net", ("probe",))
    files = {f.path: f for f in shot.files}
    assert {(f.mode, f.uid) for f in files.values()} == {(0o600, 1338)}
    request = json.loads(files["probe/request.json"].content)
    assert request["services"][0]["server_id"] == "spiffe://karst.internal/shop/web"
    assert request["services"][0]["mesh_version"] == "v1"
    assert b"PRIVATE" not in files["probe/request.json"].content


def valid_until(shot: OneShot, name: str) -> datetime:
    (pem,) = [f.content for f in shot.files if f.path == f"probe/{name}"]
    return load_pem_x509_certificate(pem).not_valid_after_utc


def test_its_identity_outlives_whom_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shots = answer(monkeypatch)
    wait = timedelta(hours=3)
    list(ask(setting(), [question("web")], deadline=wait.total_seconds()))
    assert valid_until(shots[0], "cert.pem") >= NOW + wait + timedelta(minutes=30)


def test_who_gives_up_waits_for_no_probe_that_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    given_up = threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            given_up.set()
            super().shutdown(wait=wait)

    def run(_: object, shot: OneShot) -> Iterator[str]:
        begun.append(shot.network)
        if shot.network == "net":
            raise KeyboardInterrupt
        given_up.wait(60)
        return iter(())

    monkeypatch.setattr("karst.health.asking.run_once", run)
    monkeypatch.setattr("karst.health.edges.ThreadPoolExecutor", Pool)
    members = [
        Member(Identity("shop", f"s{n}"), f"shop-s{n}-sidecar", AGENT, "10.0.0.7")
        for n in range(12)
    ]
    running = state(status="running")
    engine = SimpleNamespace(container=lambda _: running)
    own = replace(setting(), engine=engine)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        ask_edges(own, members, {})
    assert len(begun) < len(members)


def test_an_answer_becomes_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, Any] = {
        "name": "web",
        "verdict": "healthy",
        "latency_ms": 3.5,
        "reason": "GET /: 200",
        "status": {"restarts": 2, "mesh_version": "v1", "last_lines": [{"text": "hi"}]},
        "certificate": {"serial": "ab", "not_after": "2027-01-01T00:00:00Z"},
    }
    answer(monkeypatch, "noise", "[1]", json.dumps(said))
    assert list(ask(setting(), [question("web")], deadline=3)) == [
        Verdict(
            service="web",
            release="1a2b",
            state="healthy",
            reason="GET /: 200",
            latency_ms=3.5,
            restarts=2,
            last_lines=("hi",),
            certificate_ends="2027-01-01T00:00:00Z",
            mesh_version="v1",
        )
    ]


def test_no_answer_is_not_health(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "Traceback")
    (verdict,) = ask(setting(), [question("web")], deadline=3)
    assert (verdict.state, verdict.well) == ("unhealthy", False)


def test_nothing_to_ask_starts_no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    shots = answer(monkeypatch)
    assert list(ask(setting(), [], deadline=3)) == []
    assert shots == []


def state(**changed: Any) -> ContainerState:
    facts: dict[str, Any] = {
        "id": "1",
        "name": "c",
        "labels": {},
        "status": "exited",
        "started_at": "2026-11-22T00:00:00Z",
        "finished_at": "2026-11-22T00:00:01Z",
        "exit_code": 0,
        "oom_killed": False,
        "restarts": 0,
        "health": "",
        "image": "i",
        "error": "",
    }
    return ContainerState(**{**facts, **changed})


class OneContainer:
    """The part of an engine that is asked: one container and its log."""

    def __init__(self, state: ContainerState | None) -> None:
        self._state = state

    def container(self, _: str) -> ContainerState | None:
        return self._state

    def logs(self, _: str, *, tail: int) -> Iterator[str]:
        return iter(["line 1", "line 2"][:tail])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (state(status="running"), ""),
        (state(finished_at=""), ""),
        (state(exit_code=3), "exit status 3"),
        (state(exit_code=137), "ended by signal 9"),
        (
            state(exit_code=137, oom_killed=True),
            "killed: it used more memory than it may (resources.memory)",
        ),
    ],
)
def test_how_a_container_ended(found: ContainerState, expected: str) -> None:
    assert describe_exit(found) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ("missing", ())),
        (state(status="running"), ("starting", ())),
        (state(started_at="", finished_at=""), ("starting", ())),
        (state(), ("completed", ())),
        (state(exit_code=2), ("failed", ("line 1", "line 2"))),
    ],
)
def test_a_job_is_judged_by_its_end(
    found: ContainerState | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    engine: Any = OneContainer(found)
    verdict = job_verdict(engine, "migrate", "1", "c")
    assert (verdict.state, verdict.last_lines) == expected


HEALTHY = Verdict("web", "1", "healthy")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (state(status="running"), "healthy"),
        (state(status="running", health="healthy"), "healthy"),
        (state(status="running", health="unhealthy"), "unhealthy"),
        (state(status="running", health="starting"), "starting"),
        (state(), "unhealthy"),
        (None, "missing"),
    ],
)
def test_the_engine_has_a_word_too(found: ContainerState | None, expected: str) -> None:
    engine: Any = OneContainer(found)
    assert with_engine_word(engine, HEALTHY, "c").state == expected


@pytest.mark.parametrize("said", ["healthy", "starting", "unhealthy"])
def test_what_the_engine_ended_waits_for_no_next_start(said: Any) -> None:
    engine: Any = OneContainer(state())
    told = "the app ended: exit status 0; next start after 0.0 s"
    verdict = Verdict("web", "1", said, told, exit_reason="killed by SIGTERM")
    full = with_engine_word(engine, verdict, "c", look=True)
    assert (full.state, full.reason, full.exit_reason) == (
        "unhealthy",
        "the app's container does not run; if it stays so, `karst deploy` starts it",
        "killed by SIGTERM",
    )
    during = with_engine_word(engine, verdict, "c")
    assert "karst deploy" not in during.reason


def test_how_it_ended_comes_from_the_engine_where_no_shim_told() -> None:
    engine: Any = OneContainer(state(exit_code=137, oom_killed=True))
    ill = Verdict("web", "1", "unhealthy", "connect: refused")
    full = with_engine_word(engine, ill, "c", look=True)
    assert full.exit_reason == (
        "killed: it used more memory than it may (resources.memory)"
    )


@pytest.mark.parametrize(
    "found",
    [
        state(status="running"),
        state(status="created", started_at="", finished_at=""),
        state(status="restarting"),
        state(status="paused"),
    ],
)
def test_what_has_not_ended_keeps_its_reason(found: ContainerState) -> None:
    engine: Any = OneContainer(found)
    starting = Verdict("web", "1", "starting", "nothing asked yet")
    full = with_engine_word(engine, starting, "c", look=True)
    assert (full.state, full.reason) == ("starting", "nothing asked yet")


def test_a_failure_brings_its_exit_and_last_lines() -> None:
    engine: Any = OneContainer(state(exit_code=1))
    ill = Verdict("web", "1", "unhealthy", "connect: refused")
    full = with_engine_word(engine, ill, "c")
    assert (full.exit_reason, full.last_lines) == (
        "exit status 1",
        ("line 1", "line 2"),
    )
