"""When a set of mesh files counts as taken up."""

from __future__ import annotations

import itertools

from karst.runner.backoff import KeptAlive
from karst.runner.envoy import parse_answer, parse_counters
from karst.runner.uptake import PATIENCE, Uptake

LDS, CDS, AGENT = "listener_manager.lds", "cluster_manager.cds", "cluster.agent"


class FakeEnvoy:
    """Counters as an Envoy would show them; static clusters count nothing, ever."""

    def __init__(self) -> None:
        self.ready = True
        self.shown_again = 0
        self.counts = {f"{AGENT}.update_attempt": 0, f"{AGENT}.update_failure": 0}
        for name in (LDS, CDS):
            self.counts |= {f"{name}.update_attempt": 1, f"{name}.update_rejected": 0}

    def read(self, *names: str, refusing: tuple[str, ...] = ()) -> None:
        for name in names:
            self.counts[f"{name}.update_attempt"] += 1
            self.counts[f"{name}.update_rejected"] += name in refusing

    def show_again(self) -> None:
        self.shown_again += 1

    def uptake(self) -> Uptake:
        return Uptake(lambda: self.ready, lambda: dict(self.counts), self.show_again)


def started(envoy: FakeEnvoy) -> Uptake:
    uptake = envoy.uptake()
    uptake.restarted("v1", 0.0)
    uptake.look(0.0)
    assert (uptake.ready, uptake.version, uptake.error) == (True, "v1", "")
    return uptake


def test_nothing_is_taken_up_before_envoy_is_ready() -> None:
    envoy = FakeEnvoy()
    envoy.ready = False
    uptake = envoy.uptake()
    uptake.restarted("v1", 0.0)
    uptake.look(PATIENCE)
    assert (uptake.ready, uptake.version, uptake.error) == (False, "", "")
    uptake.look(PATIENCE + 1)
    assert uptake.error == "set v1: Envoy has not taken it up"


def test_a_new_set_counts_when_every_subscription_has_read_it() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.begin("v2", dict(envoy.counts), 1.0)
    uptake.look(1.1)
    envoy.read(CDS)
    uptake.look(1.2)
    assert uptake.version == "v1"
    envoy.read(LDS)
    uptake.look(1.3)
    assert (uptake.version, uptake.error) == ("v2", "")


def test_listeners_read_before_their_clusters_get_a_second_look() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.begin("v2", dict(envoy.counts), 1.0)
    envoy.read(LDS, CDS, refusing=(LDS,))
    uptake.look(1.1)
    assert (envoy.shown_again, uptake.version, uptake.error) == (1, "v1", "")
    envoy.read(LDS, CDS)
    uptake.look(1.2)
    assert (envoy.shown_again, uptake.version, uptake.error) == (1, "v2", "")


def test_what_is_refused_twice_is_said() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.begin("v2", dict(envoy.counts), 1.0)
    for now in (1.1, 1.2, 1.3):
        envoy.read(LDS, CDS, refusing=(LDS,))
        uptake.look(now)
    assert envoy.shown_again == 1
    assert uptake.version == "v1"
    assert uptake.error == (
        "set v2: Envoy refuses listener_manager.lds; the sidecar's log says why"
    )


def test_what_was_read_before_an_envoy_was_held_up_is_not_the_new_set() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.begin("v2", {}, 1.0)
    uptake.look(1.1)
    assert (envoy.shown_again, uptake.version) == (1, "v1")
    uptake.look(1.2)
    assert (envoy.shown_again, uptake.version) == (1, "v1")
    envoy.read(LDS, CDS)
    uptake.look(1.3)
    assert (envoy.shown_again, uptake.version, uptake.error) == (1, "v2", "")


def test_a_set_that_a_held_up_envoy_refuses_is_said() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.begin("v2", {}, 1.0)
    for now in (1.1, 1.2, 1.3):
        uptake.look(now)
        envoy.read(LDS, CDS, refusing=(CDS,))
    uptake.look(1.4)
    assert (envoy.shown_again, uptake.version) == (2, "v1")
    assert "refuses cluster_manager.cds" in uptake.error


def test_an_envoy_that_ends_is_an_error_until_it_is_back() -> None:
    envoy = FakeEnvoy()
    uptake = started(envoy)
    uptake.lost("Envoy ended (-9)")
    assert (uptake.ready, uptake.error) == (False, "Envoy ended (-9)")
    uptake.restarted("v1", 5.0)
    uptake.look(5.1)
    assert (uptake.ready, uptake.version, uptake.error) == (True, "v1", "")


def test_counters_and_answers_of_the_admin_socket() -> None:
    text = "a.update_attempt: 3\nb: No recorded values\nserver.version: 12\n"
    assert parse_counters(text) == {"a.update_attempt": 3, "server.version": 12}
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\na: 1\r\n3\r\n\nb:\r\n0\r\n\r\n"
    )
    assert parse_answer(chunked) == (200, "a: 1\nb:")
    assert parse_answer(b"HTTP/1.1 503 no\r\n\r\nPRE") == (503, "PRE")
    assert parse_answer(b"") == (0, "")


def test_a_child_is_started_again_with_growing_pauses() -> None:
    pids = itertools.count(10)
    child = KeptAlive("envoy", lambda: next(pids))
    now = 0.0
    assert (child.tick(now), child.pid, child.restarts) == (True, 10, 0)
    assert child.tick(now) is False
    pauses = []
    for _ in range(8):
        pauses.append(child.ended(9, now))
        assert child.tick(now + pauses[-1] - 0.01) is False
        now += pauses[-1]
        assert child.tick(now) is True
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert (child.restarts, child.last_exit) == (8, -9)
    assert child.ended(256, now + 61) == 0.2
    assert child.last_exit == 1
