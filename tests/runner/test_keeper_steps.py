"""What the keeper does, on an engine that is written down here."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from karst.runner.engine_socket import EngineRefusal, EngineSocket, epoch
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
        self.told: list[dict[str, Any]] = []
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
        code: int = 1,
        shim: bool = True,
    ) -> None:
        labels = {"karst.role": role, "karst.stack": "shop", "karst.service": "api"}
        labels |= {"karst.release": "r1", "karst.start": start}
        self.rows[name] = {
            "Id": name,
            "Name": f"/{name}",
            "Args": ["-I", "/opt/karst/shim.py", "--", "app"] if shim else ["app"],
            "Config": {"Labels": labels},
            "State": {
                "Status": state,
                "ExitCode": code,
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
        self.do(f"start {container}", container)

    def restart(self, container: str, grace: int) -> None:  # noqa: ARG002
        self.do(f"restart {container}", container)

    def do(self, what: str, container: str) -> None:
        if container in self.refuses:
            raise EngineRefusal("409 cannot join network of a non running container")
        self.done.append(what)

    def has_logged(self, container: str, line: bytes, since: float) -> bool:
        assert line == b"karst-agent: sealed\n"
        return self.sealed.get(container, -1.0) >= since

    def events(self, since: float) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        return ()

    def past(
        self, container: str, kinds: Iterable[str], since: float
    ) -> Iterable[dict[str, Any]]:
        return [
            event
            for event in self.told
            if event["Actor"]["ID"] == container
            and event["Action"] in kinds
            and event["timeNano"] >= since * 1e9
        ]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def an_event(
    action: str, container: str, at: float, number: str = ""
) -> dict[str, Any]:
    actor = {"ID": container, "Attributes": {"signal": number} if number else {}}
    return {"Action": action, "timeNano": int(at * 1e9), "Actor": actor}


def stopped(keeper: Keeper, container: str, at: float) -> None:
    keeper.notice(an_event("stop", container, at))


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
    assert engine.done == ["restart api"]


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


def test_a_clock_that_was_set_back_holds_nobody_up(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "exited", NOW + 3500, NOW + 3600)
    engine.sealed["api-sidecar"] = NOW
    Keeper(engine).reconcile(NOW)
    assert engine.done == ["start api"]


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


@pytest.mark.parametrize(
    ("code", "shim", "finished", "started"),
    [
        (0, True, NOW - 50, False),
        (143, True, NOW - 50, False),
        # Killed, or out of memory.
        (137, True, NOW - 50, True),
        # Nobody stopped it while the keeper listened: somebody else's signal.
        (143, True, NOW - 5, True),
        # An app that is its container's first program may end by itself.
        (0, False, NOW - 50, True),
    ],
)
def test_who_was_told_to_end_before_the_keeper_listened_stays_so(
    code: int, shim: bool, finished: float, started: bool, engine: FakeEngine
) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "exited", NOW - 800, finished, code=code, shim=shim)
    engine.sealed["api-sidecar"] = NOW
    Keeper(engine, began=NOW - 10).reconcile(NOW)
    assert engine.done == (["start api"] if started else [])


def test_who_was_told_to_end_comes_back_with_its_sidecar(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "running", NOW - 20, NOW - 30)
    engine.add("api", "app", "exited", NOW - 900, NOW - 31, code=143)
    engine.sealed["api-sidecar"] = NOW - 19
    Keeper(engine, began=NOW - 10).reconcile(NOW)
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
    engine.told = [an_event("kill", "api", now, "15"), an_event("stop", "api", now)]
    engine.refuses.clear()
    engine.add("api", "app", "exited", now - 900, now)
    # The attempt is stamped with the real clock: past any pause counted from that.
    keeper.reconcile(now + 300)
    assert engine.done == ["start api"]


def a_stop_that_was_not_heard(engine: FakeEngine, finished: float) -> Keeper:
    engine.add("api-sidecar", "sidecar", "running", NOW - 900)
    engine.add("api", "app", "exited", NOW - 899, finished)
    engine.sealed["api-sidecar"] = NOW
    return Keeper(engine)


def test_a_stop_that_the_engine_has_told_counts_before_it_is_heard(
    engine: FakeEngine,
) -> None:
    keeper = a_stop_that_was_not_heard(engine, NOW - 50)
    engine.told = [an_event("stop", "api", NOW - 50)]
    keeper.reconcile(NOW)
    keeper.reconcile(NOW + 100)
    assert engine.done == []


def test_a_sidecar_s_counts_too(engine: FakeEngine) -> None:
    engine.add("api-sidecar", "sidecar", "exited", NOW - 900, NOW - 20)
    engine.told = [an_event("stop", "api-sidecar", NOW - 20)]
    Keeper(engine).reconcile(NOW)
    assert engine.done == []


def test_a_stop_that_the_engine_is_yet_to_tell_is_waited_for(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load it comes seconds after the end that the engine shows."""
    ended = NOW
    clock = SimpleNamespace(time=lambda: ended + 10)
    monkeypatch.setattr("karst.runner.keeper.time", clock)
    keeper = a_stop_that_was_not_heard(engine, ended)
    engine.told = [an_event("kill", "api", ended, "15")]
    assert keeper.reconcile(ended + 10) == pytest.approx(0.3)
    engine.told.append(an_event("kill", "api", ended, "9"))
    keeper.reconcile(ended + 10)
    engine.told.append(an_event("stop", "api", ended + 2))
    keeper.reconcile(ended + 300)
    assert engine.done == []


@pytest.mark.parametrize(
    "event",
    [
        # No stop begins with this signal: somebody else's, and it is over.
        an_event("kill", "api", NOW - 50, "9"),
        # That stop never came.
        an_event("kill", "api", NOW - 50, "15"),
        # The one before the last start.
        an_event("kill", "api", NOW - 950, "15"),
        an_event("stop", "api", NOW - 950),
        an_event("stop", "web", NOW - 50),
    ],
)
def test_what_is_no_stop_of_this_run_keeps_nobody_down(
    event: dict[str, Any], engine: FakeEngine
) -> None:
    keeper = a_stop_that_was_not_heard(engine, NOW - 50)
    engine.told = [event]
    keeper.reconcile(NOW)
    assert engine.done == ["start api"]


def test_a_stop_is_remembered_while_the_engine_does_not_describe_who(
    engine: FakeEngine,
) -> None:
    keeper = a_stop_that_was_not_heard(engine, NOW - 50)
    stopped(keeper, "api", NOW - 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "inspect", lambda _: None)
        keeper.reconcile(NOW)
    keeper.reconcile(NOW)
    assert engine.done == []


def test_a_line_that_was_stamped_after_the_end_is_the_last_run_s(
    engine: FakeEngine,
) -> None:
    sidecar_restarted(engine)
    engine.told = [an_event("die", "api-sidecar", NOW - 5.9)]
    engine.sealed["api-sidecar"] = NOW - 5.95
    keeper = Keeper(engine)
    assert keeper.reconcile(NOW) == pytest.approx(0.3)
    assert engine.done == []
    engine.sealed["api-sidecar"] = NOW - 4
    keeper.reconcile(NOW)
    assert engine.done == ["restart api"]


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


def test_an_app_belongs_to_the_sidecar_it_shares_whatever_others_are_called(
    engine: FakeEngine,
) -> None:
    sidecar_restarted(engine)
    engine.sealed["api-sidecar"] = NOW - 4
    # Left by somebody else under the same stack, service and release.
    engine.add("left-sidecar", "sidecar", "running", NOW - 900)
    engine.add("left", "app", "running", NOW - 899, shares="left-sidecar")
    Keeper(engine).reconcile(NOW)
    assert engine.done == ["restart api"]


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


@pytest.mark.processes
@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.containers(),
        lambda engine: list(engine.events(0.0)),
        lambda engine: engine.past("api", ("stop",), 0.0),
        lambda engine: engine.has_logged("api", b"sealed", 0.0),
    ],
)
def test_an_engine_that_ends_in_the_middle_of_an_answer(
    ask: Callable[[EngineSocket], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper has to live on: nobody starts it to hear of the engine's next start."""
    # A socket's whole path may have 107 bytes.
    monkeypatch.chdir(tmp_path)
    path = "engine"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as line:
                line.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                line.sendall(head + b"40\r\n[{")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match="breaks off"):
            ask(EngineSocket(path))
