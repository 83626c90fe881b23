"""Reports, written out whole."""

from __future__ import annotations

from pathlib import Path

from karst.health import Verdict
from karst.inspection import Candidate, Entrypoint, Evidence
from karst.report import (
    health_document,
    plan_document,
    render_health,
    render_plan,
    render_table,
)
from karst.report.entrypoint_text import entrypoint_document, render_entrypoint
from karst.terraform import NetworkVariables, Plan, ResourceChange, ServiceChange, Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.stack import Applied

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
    assert health_document([WELL, ILL])["healthy"] is False
    assert health_document([WELL])["healthy"] is True


def a_stack() -> Stack:
    from karst.config.spec import ServiceSpec, StackSpec

    services = (ServiceSpec("web"), ServiceSpec("api"))
    prepared = {s.name: Prepared(s, f"img-{s.name}", "", "", True) for s in services}
    return render_stack(StackSpec("shop", services), prepared, Applied(), "side:1")


def test_plan() -> None:
    stack = a_stack()
    web, api = stack.release_of("web").release, stack.release_of("api").release
    plan = Plan(
        stack,
        Path("p"),
        (
            ResourceChange("docker_network.mesh", "mesh", "", ("create",)),
            ResourceChange(
                'docker_container.app["api@1"]', "app", "api@1", ("update",), ("cpus",)
            ),
        ),
        (
            ServiceChange("web", "add", new=web, opened=("api",)),
            ServiceChange("api", "change", old="0ld", new=api, opened=("web",)),
            ServiceChange("gone", "remove", old="g0ne"),
            ServiceChange("same", "keep", new="5ame"),
        ),
        "f" * 64,
    )
    # The release of a service that has no entry is not asked for.
    assert render_plan(plan) == (
        f"   SERVICE  RELEASE          IMAGE    EDGES\n"
        f"+  web      {web}         img-web  +api\n"
        f"~  api      0ld -> {api}  img-api  +web\n"
        f"-  gone     g0ne\n"
        f"! security: api may newly call web\n"
        f"! gone will be destroyed\n"
        f"  create docker_network.mesh\n"
        f'  docker_container.app["api@1"] differs in: cpus\n'
        f"Plan: 1 to add, 1 to change, 1 to remove, 1 to keep."
    )
    document = plan_document(plan)
    assert document["counts"] == {"add": 1, "change": 1, "remove": 1, "keep": 1}
    assert document["changes"] is True


def test_an_empty_plan() -> None:
    network = NetworkVariables("n", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/26")
    plan = Plan(
        Stack("s", network),
        Path("p"),
        (),
        (ServiceChange("a", "keep", new="1"),),
        "0",
    )
    assert render_plan(plan) == ("No changes. 1 services are as repos.yaml wants them.")


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
        "rule        2: {package}/__main__.py\n"
        "evidence    web/__main__.py:3: run()\n"
        "candidate   run.py (5: scan)\n"
        "To choose another, write `entrypoint: VALUE` in repos.yaml."
    )
    assert entrypoint_document(found)["entrypoint"]["value"] == "web"
