"""What the keeper does, on an engine that is written down here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from karst.runner.engine_socket import EngineRefusal, epoch
from karst.runner.keeper import Keeper

NEVER = "0001-01-01T00:00:00Z"
NOW = 10_000.0


def stamp(at: float | None) -> str:
    return NEVER if at is None else datetime.fromtimestamp(at, UTC).isoformat()


class FakeEngine:
    """Containers by name; `done` lists what the keeper asked for, `sealed` who has."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.done: list[str] = []
        self.sealed: dict[str, float] = {}
        self.refuses: set[str] = set()
        self.inspected = 0

    def add(
        self,
        name: str,
        role: str,
        state: str,
        started: float | None,
        finished: float | None = None,
        *,
        shares: str = "api-sidecar",
        start: str = "auto",
        policy: str = "unless-stopped",
    ) -> None:
        labels = {"karst.role": role, "karst.stack": "shop", "karst.service": "api"}
        labels |= {"karst.release": "r1", "karst.start": start}
        self.rows[name] = {
            "Id": name,
            "Name": f"/{name}",
            "Config": {"Labels": labels},
            "State": {
                "Status": state,
                "StartedAt": stamp(started),
                "FinishedAt": stamp(finished),
            },
            "HostConfig": {
                "NetworkMode": f"container:{shares}" if role == "app" else "mesh",
                "RestartPolicy": {"Name": "no" if role == "app" else policy},
            },
        }

    def containers(self) -> list[dict[str, Any]]:
        return [
            {"Id": name, "State": row["State"]["Status"]}
            for name, row in self.rows.items()
        ]

    def inspect(self, container: str) -> dict[str, Any] | None:
        self.inspected += 1
        return self.rows.get(container)

    def start(self, container: str) -> None:
        if container in self.refuses:
            raise EngineRefusal("409 cannot join network of a non running container")
        self.done.append(f"start {container}")

    def stop(self, container: str, grace: int) -> None:  # noqa: ARG002
        self.done.append(f"stop {container}")

    def has_logged(self, container: str, line: bytes, since: float) -> bool:
        assert line == b"karst-agent: sealed\n"
        return self.sealed.get(container, -1.0) >= since

    def events(self, since: float) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        return ()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def stopped(keeper: Keeper, container: str, at: float) -> None:
    event = {"Action": "stop", "timeNano": int(at * 1e9), "Actor": {"ID": container}}
    keeper.notice(event)


def sidecar_restarted(engine: FakeEngine, app_state: str = "running") -> None:
    """A pair whose sidecar came back at NOW - 5, in a new namespace."""
    engine.add("api-sidecar", "sidecar", "running", NOW - 5, NOW - 6)
    engine.add("api", "app", app_state, NOW - 900, NOW - 6)


def test_a_healthy_pair_is_left_alone(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "running", NOW - 899)
    assert Keeper(engine).reconcile(NOW) == 5.0
    assert engine.done == []


def test_an_app_in_a_dead_namespace_is_restarted_once_its_sidecar_has_sealed(
    engine: FakeEngine,
) -> None:
    sidecar_restarted(engine)
    keeper = Keeper(engine)
    # What it said before it ended counts for nothing.
    engine.sealed["api-sidecar"] = NOW - 800
    assert keeper.reconcile(NOW) == pytest.approx(0.3)
    assert engine.done == []
    engine.sealed["api-sidecar"] = NOW - 4.5
    keeper.reconcile(NOW + 0.3)
    assert engine.done == ["stop api", "start api"]


def test_an_app_that_ended_with_its_sidecar_is_started(engine: FakeEngine) -> None:
    sidecar_restarted(engine, "exited")
    engine.sealed["api-sidecar"] = NOW - 4
    Keeper(engine).reconcile(NOW)
    assert engine.done == ["start api"]


def test_the_first_start_is_not_the_keeper_s(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 5)
    engine.add("api", "app", "created", None)
    engine.sealed["api-sidecar"] = NOW
    Keeper(engine).reconcile(NOW)
    assert engine.done == []


def test_a_job_is_never_started_again(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 5, NOW - 6)
    engine.add("api", "app", "exited", NOW - 900, NOW - 890, start="once")
    engine.sealed["api-sidecar"] = NOW
    Keeper(engine).reconcile(NOW)
    assert engine.done == []


def test_a_crash_is_answered_with_growing_pauses(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.sealed["api-sidecar"] = NOW - 899
    engine.refuses.add("api")
    keeper = Keeper(engine)
    engine.add("api", "app", "exited", NOW - 10, NOW)
    assert keeper.reconcile(NOW) == 1.0
    engine.refuses.clear()
    keeper.reconcile(NOW + 1.0)
    assert engine.done == ["start api"]
    # The attempt is stamped with the real clock, so later pauses are counted from it.

    ended = time.time()
    engine.add("api", "app", "exited", ended - 1, ended)
    keeper.notice({"Action": "die", "timeNano": 0, "Actor": {"ID": "api"}})
    assert keeper.reconcile(ended) == pytest.approx(2.0, abs=0.1)


def test_a_long_run_clears_the_pause(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "exited", NOW - 100, NOW)
    keeper = Keeper(engine)
    assert keeper.reconcile(NOW) == 1.0


def test_what_a_user_stopped_stays_stopped_until_its_sidecar_starts_anew(
    engine: FakeEngine,
) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "exited", NOW - 899, NOW - 50)
    engine.sealed["api-sidecar"] = NOW
    keeper = Keeper(engine)
    stopped(keeper, "api", NOW - 50)
    keeper.reconcile(NOW)
    assert engine.done == []
    engine.add("api-sidecar", "sidecar", "running", NOW - 5, NOW - 6)
    keeper.notice({"Action": "start", "timeNano": 0, "Actor": {"ID": "api-sidecar"}})
    keeper.reconcile(NOW)
    assert engine.done == ["start api"]


def test_the_keeper_s_own_stop_is_not_a_user_s(engine: FakeEngine) -> None:

    now = time.time()
    engine.add("api-sidecar", "sidecar", "running", now - 5, now - 6)
    engine.add("api", "app", "running", now - 900)
    engine.sealed["api-sidecar"] = now
    engine.refuses.add("api")
    keeper = Keeper(engine)
    keeper.reconcile(now)
    stopped(keeper, "api", now)
    engine.refuses.clear()
    engine.add("api", "app", "exited", now - 900, now)
    keeper.reconcile(now + 30)
    assert engine.done == ["stop api", "start api"]


def test_a_sidecar_that_the_engine_gave_up_is_started(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "exited", NOW - 900, NOW - 20)
    engine.add("door", "edge", "exited", NOW - 900, NOW - 20)
    engine.add("odd", "sidecar", "exited", NOW - 900, NOW - 20, policy="no")
    engine.add("new", "sidecar", "created", None)
    Keeper(engine).reconcile(NOW)
    assert sorted(engine.done) == ["start api-sidecar", "start door"]


def test_a_sidecar_that_a_user_stopped_is_not(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "exited", NOW - 900, NOW - 20)
    keeper = Keeper(engine)
    stopped(keeper, "api-sidecar", NOW - 20)
    keeper.reconcile(NOW)
    assert engine.done == []


def test_an_app_whose_sidecar_was_replaced_is_only_told_of(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.add("api-sidecar-2", "sidecar", "running", NOW - 5)
    engine.add("api", "app", "exited", NOW - 900, NOW - 6)
    keeper = Keeper(engine)
    keeper.reconcile(NOW)
    keeper.reconcile(NOW + 5)
    assert engine.done == []
    assert capsys.readouterr().out == (
        "karst-keeper: api cannot start: the sidecar whose network it shares is gone; "
        "deploy the stack again\n"
    )


def test_nothing_is_inspected_twice_unless_it_changed(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "running", NOW - 899)
    keeper = Keeper(engine)
    for second in range(4):
        keeper.reconcile(NOW + 5 * second)
    assert engine.inspected == 2
    keeper.notice({"Action": "start", "timeNano": 0, "Actor": {"ID": "api"}})
    keeper.reconcile(NOW + 20)
    assert engine.inspected == 3
    keeper.reconcile(NOW + 90)
    assert engine.inspected == 5


def test_the_engine_s_times() -> None:
    assert epoch(NEVER) == 0.0
    assert epoch("") == 0.0
    assert epoch("1970-01-01T00:01:40.123456789Z") == pytest.approx(100.123456)
