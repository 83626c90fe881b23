"""The probe container: health over mutual TLS, and who it takes for whom."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from karst.pki import Identity

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def api(pairs_field: Any) -> Any:
    pair = pairs_field.pair("api")
    files = pairs_field.files(pair)
    pair.deliver(files, 1)
    pair.create_app("python3", "/app.py")
    pair.start_app()
    pair.version = files.version
    return pair


def target(pair: Any, **change: Any) -> dict[str, Any]:
    return {
        "name": pair.name,
        "release": "r1",
        "address": pair.address,
        "port": 8000,
        "protocol": "http",
        "health": {"kind": "http", "target": "/"},
        "server_id": pair.identity.uri,
        "dns": pair.identity.dns,
        "kind": "service",
        "mesh_version": None,
        **change,
    }


def test_a_healthy_service(pairs_field: Any, api: Any) -> None:
    began = time.monotonic()
    [found] = pairs_field.probe([target(api, mesh_version=api.version)], deadline=120)
    took = time.monotonic() - began
    status, certificate = found["status"], found["certificate"]
    assert (found["name"], found["verdict"]) == ("api", "healthy")
    assert found["reason"] == "GET api.pairs.karst.internal:8000/: 200"
    assert 0 < found["latency_ms"] < took * 1000
    assert (status["status"], status["mesh_version"]) == ("SERVING", api.version)
    assert set(certificate) == {"serial", "not_before", "not_after"}
    assert certificate["not_after"].endswith("Z")


def test_only_the_service_that_was_meant(
    pairs_field: Any, api: Any, eventually: Any
) -> None:
    api.becomes("SERVING")
    other = "spiffe://karst.internal/pairs/billing"
    reason = f"{api.address}:50051 is {api.identity.uri}, not {other}"

    def told() -> bool:
        [found] = pairs_field.probe([target(api, server_id=other)], deadline=1)
        assert found["verdict"] == "unhealthy"
        return bool(found["reason"] == reason)

    # With so short a deadline it may be a time-out that is told.
    eventually(told)


def test_a_stranger_is_told_nothing(pairs_field: Any, api: Any) -> None:
    api.becomes("SERVING")
    stranger = Identity("pairs", "stranger")
    [found] = pairs_field.probe([target(api)], deadline=1, identity=stranger)
    assert (found["verdict"], found["status"]) == ("unhealthy", {})


def test_a_set_that_is_not_taken_up_is_waited_for(
    pairs_field: Any, api: Any, eventually: Any
) -> None:
    api.becomes("SERVING", mesh_version=api.version)
    wanted = ("starting", f"its mesh files are {api.version}, not other")

    def told() -> bool:
        [found] = pairs_field.probe([target(api, mesh_version="other")], deadline=3)
        assert found["verdict"] != "healthy"
        return (found["verdict"], found["reason"]) == wanted

    eventually(told)


def test_several_at_once(pairs_field: Any, api: Any) -> None:
    job = pairs_field.pair("job", kind="job")
    job.deliver(pairs_field.files(job), 1)
    job.create_app("sh", "-c", "echo done")
    job.start_app()
    crash = pairs_field.pair("crash")
    crash.deliver(pairs_field.files(crash), 1)
    crash.create_app("sh", "-c", "echo no database >&2; exit 2")
    crash.start_app()
    services = [target(api), target(job, port=None, kind="job"), target(crash)]
    found = {f["name"]: f for f in pairs_field.probe(services, deadline=120)}
    assert {name: f["verdict"] for name, f in found.items()} == {
        "api": "healthy",
        "job": "completed",
        "crash": "unhealthy",
    }
    told = found["crash"]
    assert told["reason"].startswith("the app ended: exit status 2; next start after")
    assert told["status"]["exit_code"] == 2
    assert told["status"]["last_lines"][0]["text"] == "no database"
    assert json.dumps(told)


def test_what_does_not_serve_is_told_at_once_to_who_only_looks(
    pairs_field: Any,
) -> None:
    """With this deadline, whoever waited for it would never come to an end here."""
    idle = pairs_field.pair("idle", health={"kind": "tcp", "grace": 1, "interval": 0.2})
    idle.deliver(pairs_field.files(idle), 1)
    idle.create_app("sleep", "300")
    idle.start_app()
    idle.becomes("NOT_SERVING")
    [found] = pairs_field.probe([target(idle)], deadline=36_000, look=True)
    assert (found["verdict"], found["status"]["status"]) == ("unhealthy", "NOT_SERVING")


def test_each_service_is_waited_for_as_long_as_it_may_take_itself(
    pairs_field: Any, api: Any, eventually: Any
) -> None:
    api.becomes("SERVING")
    wrong = target(api, name="slow", mesh_version="never", patience=1.0)

    def told() -> bool:
        [found] = pairs_field.probe([wrong], deadline=36_000)
        assert found["name"] == "slow"
        return bool(found["verdict"] == "starting")

    # With so little patience it may be a time-out that is told.
    eventually(told)
