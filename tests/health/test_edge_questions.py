"""The questions of the edge matrix: every pair once, each asked where it means something."""

from __future__ import annotations

from typing import Any

from karst.health.edge_questions import Member, Questions, render_questions
from karst.pki import Identity


def member(name: str, port: int | None = 8000, number: int = 1, **more: Any) -> Member:
    agent = {
        "port": port,
        "protocol": "http" if port else "none",
        "health": {"kind": "http", "target": "/healthz"},
        "ports": {"inbound": 15000, "outbound": 15001, "admin": 9901, "grpc": 50051},
    }
    fields = {"virtual_address": f"10.0.2.{number}", **more}
    address = f"10.0.1.{number}"
    identity = Identity("shop", name)
    return Member(identity, f"shop-{name}-sidecar", agent, address, **fields)


WEB, API, WORKER = member("web"), member("api", 9000, 2), member("worker", None, 3)


def matrix(questions: Questions) -> dict[tuple[str, str], str]:
    return {(p.caller, p.callee): p.expected for p in questions.pairs}


def test_every_ordered_pair_has_one_cell_and_every_sidecar_one_of_its_own() -> None:
    questions = render_questions((WEB, API, WORKER), {"web": ("api",)})
    assert matrix(questions) == {
        ("web", "api"): "allowed",
        ("api", "web"): "denied",
        ("worker", "web"): "denied",
        ("worker", "api"): "denied",
        ("", "web"): "plaintext",
        ("", "api"): "plaintext",
        ("", "worker"): "plaintext",
    }
    asked = [a["id"] for a in questions.outside]
    asked += [a["id"] for asks in questions.inside.values() for a in asks]
    assert sorted(asked) == sorted(i for p in questions.pairs for i in p.asks)
    assert len(set(asked)) == len(asked)


def test_an_allowed_edge_is_asked_by_name_where_its_caller_lives() -> None:
    questions = render_questions((WEB, API), {"web": ("api",)})
    (ask, *rest) = questions.inside["shop-web-sidecar"]
    assert rest == []
    assert (ask["kind"], ask["host"], ask["port"]) == ("answered", "api", 9000)
    assert ask["health"] == {"kind": "http", "target": "/healthz"}
    assert "identity" not in ask


def test_a_denied_edge_takes_the_caller_s_identity_and_the_caller_s_own_side() -> None:
    questions = render_questions((WEB, API), {})
    (shut,) = questions.inside["shop-api-sidecar"]
    assert (shut["kind"], shut["addresses"]) == ("shut", ["10.0.2.1", "10.0.1.1"])
    (away,) = [a for a in questions.outside if a["id"] == "api>web refused"]
    assert away["identity"]["key"] == "/probe/api.key"
    assert away["server_id"] == "spiffe://karst.internal/shop/web"
    assert questions.callers == ["web", "api"]


def test_nobody_s_identity_is_taken_where_everybody_may_call() -> None:
    edges = {"web": ("api",), "api": ("web",)}
    questions = render_questions((WEB, API), edges)
    assert questions.callers == []
    assert {a["kind"] for a in questions.outside} == {"unlocked"}


def test_a_worker_is_asked_on_its_sidecar_s_ports_alone() -> None:
    questions = render_questions((WORKER,), {})
    (ask,) = questions.outside
    assert (ask["port"], ask["ports"]) == (50051, [9901, 15000, 50051])


def test_a_door_is_let_in_by_its_service_alone_and_asked_at_its_own_port() -> None:
    door = member("karst-door-web", 15080, 4, virtual_address="", target="web")
    questions = render_questions((WEB, API, door), {"web": (), "api": ()})
    found = {k: v for k, v in matrix(questions).items() if "karst-door-web" in k}
    assert found == {
        ("karst-door-web", "web"): "allowed",
        ("karst-door-web", "api"): "denied",
    }
    (ask,) = questions.inside["shop-karst-door-web-sidecar"]
    assert (ask["host"], ask["port"]) == ("127.0.0.1", 15080)
