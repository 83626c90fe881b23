"""Reports, written out whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from karst.health import Verdict
from karst.inspection import Candidate, Entrypoint, Evidence
from karst.report import (
    health_document,
    plan_document,
    render_comment_body,
    render_health,
    render_plan,
    render_table,
)
from karst.report.entrypoint_text import entrypoint_document, render_entrypoint
from karst.report.escaping import log_line
from karst.report.model import Alert, PlanReport, RunReport, ServiceLine
from karst.report.summary import run_verdict
from karst.terraform import NetworkVariables, Plan, ResourceChange, ServiceChange, Stack

WELL = Verdict(
    "web", "1a2b3c4d", "healthy", "", 4.25, 0, "", (), "2027-02-20T00:00:00Z"
)
ILL = Verdict(
    "api",
    "5e6f7a8b",
    "unhealthy",
    "GET /healthz: 500",
    None,
    3,
    "exit status 1",
    ("boom", "bang"),
)


def test_health() -> None:
    assert render_health([WELL, ILL]) == (
        "SERVICE  HEALTH     LATENCY  RESTARTS  RELEASE   CERTIFICATE ENDS\n"
        "web      healthy    4.2 ms   0         1a2b3c4d  2027-02-20\n"
        "api      unhealthy  -        3         5e6f7a8b  -\n"
        "\n"
        "api: GET /healthz: 500\n"
        "  the app ended: exit status 1\n"
        "  its last lines:\n"
        "  | boom\n"
        "  | bang\n"
        "\n"
        "1 of 2 services are healthy over mTLS."
    )
    assert render_health([WELL]).endswith("1 of 1 service is healthy over mTLS.")
    assert health_document([WELL, ILL])["healthy"] is False
    assert health_document([WELL])["healthy"] is True


def test_a_release_that_was_put_back_says_so_in_its_line() -> None:
    lines = render_health([WELL, ILL], rolled_back=["api"]).splitlines()
    assert lines[2].startswith("api      unhealthy, put back  -")
    assert "  5e6f7a8b, removed  " in lines[2]
    assert "  release 5e6f7a8b was removed; the former one runs on" in lines


@pytest.mark.parametrize(
    ("verdicts", "back", "told"),
    [
        ([ILL], ["api"], "1 put back: its former release runs on."),
        (
            [WELL, ILL],
            ["api"],
            "1 of 1 service is healthy over mTLS, 1 put back: its former release runs on.",
        ),
        (
            [WELL, ILL, replace(ILL, service="db")],
            ["api"],
            (
                "1 of 2 services are healthy over mTLS, "
                "1 put back: its former release runs on."
            ),
        ),
        (
            [ILL, replace(ILL, service="db")],
            ["api", "db"],
            "2 put back: their former releases run on.",
        ),
        ([], [], "0 of 0 services are healthy over mTLS."),
    ],
)
def test_what_was_put_back_is_not_counted_as_ill(
    verdicts: list[Verdict], back: list[str], told: str
) -> None:
    assert render_health(verdicts, back).splitlines()[-1] == told
    if verdicts:
        report = RunReport(
            "shop", "apply", verdicts=tuple(verdicts), rolled_back=tuple(back)
        )
        assert run_verdict(report) == told.removesuffix(".")


def test_a_log_line_has_no_say_over_the_terminal() -> None:
    ill = replace(ILL, last_lines=("\x1b[2J\x1b[31mboom\tbang\x07",))
    assert "  | boom    bang\ufffd\n" in render_health([ill])


PLAN = PlanReport(
    "shop",
    services=(
        ServiceLine(
            "web",
            "add",
            new_release="1a2b3c4d",
            image="img-web",
            opened=("api",),
            secrets=("K1", "K2"),
            published=("0.0.0.0:8191",),
        ),
        ServiceLine(
            "api",
            "change",
            "release",
            old_commit="a" * 40,
            new_commit="b" * 40,
            old_release="01d",
            new_release="5e6f7a8b",
            image="img-api",
            opened=("web",),
            secrets=("API_KEY",),
            published=("0.0.0.0:80",),
            unpublished=("127.0.0.1:81",),
        ),
        ServiceLine("gone", "remove", old_release="g0ne", closed=("api",)),
        ServiceLine("same", "keep", new_release="5ame"),
    ),
    resources=(
        ResourceChange("docker_network.mesh", "mesh", "", ("create",)),
        ResourceChange(
            'docker_container.app["api@1"]', "app", "api@1", ("update",), ("cpus",)
        ),
    ),
    alerts=(Alert("security", (), "the target changes:", ("tcp://b:2376",)),),
)


def test_plan() -> None:
    assert render_plan(PLAN) == (
        "   SERVICE  RELEASE          COMMIT              IMAGE    EDGES\n"
        "+  web      1a2b3c4d                             img-web  +api\n"
        "~  api      01d -> 5e6f7a8b  aaaaaaa -> bbbbbbb  img-api  +web\n"
        "-  gone     g0ne\n"
        "! gone will be destroyed\n"
        "! security: the target changes: tcp://b:2376\n"
        "! security: api may newly call web\n"
        "! security: web reads new secrets: K1, K2\n"
        "! security: web is newly published: 0.0.0.0:8191\n"
        "! security: api reads a new secret: API_KEY\n"
        "! security: api is newly published: 0.0.0.0:80\n"
        "! security: api is no longer published: 127.0.0.1:81\n"
        "  create docker_network.mesh\n"
        '  docker_container.app["api@1"] differs in: cpus\n'
        "Plan: 1 to add, 1 to change, 1 to remove, 1 to keep."
    )


def test_an_empty_plan() -> None:
    """Nobody looked at what runs, so nothing is said of it."""
    kept = PlanReport("s", services=(ServiceLine("a", "keep", new_release="1"),))
    assert render_plan(kept) == (
        "No changes: repos.yaml wants what was applied last (1 service). "
        "`karst drift` and `karst health` look at what runs."
    )


def test_old_releases_that_only_go_are_said() -> None:
    left = ServiceLine("a", "change", "leftover", new_release="2", leftovers=("1",))
    assert render_plan(PlanReport("s", services=(left,))) == (
        "   SERVICE  RELEASE\n"
        "~  a        2\n"
        "! a still has an old release, which is removed: 1\n"
        "Plan: 0 to add, 1 to change, 0 to remove, 0 to keep."
    )
    both = PlanReport("s", services=(replace(left, leftovers=("0", "1")),))
    words = "! a still has old releases, which are removed: 0, 1"
    assert words in render_plan(both).splitlines()
    comment = render_comment_body(both, room=60_000)
    assert "`a` still has old releases, which are removed: `0`, `1`" in comment
    assert "old&nbsp;release<br>removed" in comment


def test_a_plan_for_programs() -> None:
    network = NetworkVariables("n", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/26")
    services = (ServiceChange("api", "add", new="1"), ServiceChange("b", "keep"))
    plan = Plan(Stack("s", network), Path("p"), PLAN.resources, services, "f" * 64)
    document = plan_document(plan, PLAN.services)
    assert document["counts"] == {"add": 1, "change": 0, "remove": 0, "keep": 1}
    assert document["changes"] is True
    assert document["resources"][1]["attributes"] == ["cpus"]
    api, other = document["services"]
    assert (api["doors_opened"], api["doors_closed"], api["secrets_added"]) == (
        ["0.0.0.0:80"],
        ["127.0.0.1:81"],
        ["API_KEY"],
    )
    assert other["doors_opened"] == other["old_releases_removed"] == []


def test_a_table_pads_no_last_column() -> None:
    assert render_table(("A", "B"), [("long", "x"), ("s", "")]) == (
        "A     B\nlong  x\ns"
    )


def test_an_entrypoint() -> None:
    found = Entrypoint(
        kind="module",
        value="web",
        command=("python3", "-m", "web"),
        workdir="/app",
        rule="2: {package}/__main__.py",
        evidence=(Evidence("web/__main__.py", 3, "  run()  "),),
        candidates=(Candidate("file", "run.py", ("python3", "run.py"), "5: scan"),),
    )
    assert render_entrypoint(found) == (
        "entrypoint  web (module)\n"
        "command     python3 -m web\n"
        "workdir     /app\n"
        "listens     the port that PORT says, http unless repos.yaml says otherwise\n"
        "rule        2: {package}/__main__.py\n"
        "evidence    web/__main__.py:3: run()\n"
        "candidate   run.py (5: scan)\n"
        "To choose another, write `entrypoint: VALUE` in repos.yaml."
    )
    document = entrypoint_document(
        found, slug="gh:a/web", revision="c0ffee", packaging="uv.lock", python="3.12"
    )
    start = {"workdir": "/app", "port": None, "protocol": None, "folder": ""}
    start |= {"python_path": "", "packages": [], "env": {}}
    assert document == {
        "slug": "gh:a/web",
        "revision": "c0ffee",
        "entrypoint": {
            "kind": "module",
            "value": "web",
            "command": ["python3", "-m", "web"],
            **start,
        },
        "rule": "2: {package}/__main__.py",
        "evidence": [{"file": "web/__main__.py", "line": 3, "text": "  run()  "}],
        "candidates": [
            {
                "kind": "file",
                "value": "run.py",
                "command": ["python3", "run.py"],
                **start,
                "rule": "5: scan",
                "evidence": [],
                "setting": "",
            }
        ],
        "packaging": "uv.lock",
        "python": "3.12",
    }


def test_what_an_entrypoint_adds_and_sets() -> None:
    found = Entrypoint(
        kind="command",
        value="gunicorn a:b",
        command=("gunicorn", "a:b"),
        rule="Procfile: web",
        port=5000,
        protocol="http",
        packages=("gunicorn>=20.1,<27",),
        env=(("FLASK_APP", "a.py"),),
    )
    assert render_entrypoint(found).splitlines()[3:] == [
        "listens     port 5000, http",
        "rule        Procfile: web",
        "adds        gunicorn>=20.1,<27",
        "sets        FLASK_APP=a.py",
    ]
    worker = Entrypoint("command", "w", ("w",), "r", protocol="none")
    assert "listens     on no port: a worker or a bot" in render_entrypoint(worker)


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\u2029"])
def test_a_log_line_is_one_line_for_every_reader(end: str) -> None:
    assert log_line(f"one{end}two", 100).splitlines() == ["one two"]
