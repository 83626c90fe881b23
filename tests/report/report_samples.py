"""Believable reports: a shop of eight services, on a good day and on a bad one."""

from __future__ import annotations

from dataclasses import replace

from karst.fetch.remote import Comparison
from karst.health import Verdict
from karst.health.edges import EdgeVerdict
from karst.report.model import (
    Alert,
    Failure,
    MovedSlug,
    PlanReport,
    RunReport,
    ServiceLine,
    SmokeLine,
)
from karst.terraform import ResourceChange

WEB_OLD = "9f3c2d1ab84e6c07f5d2e1a09b8c7d6e5f4a3b2c"
WEB_NEW = "c41be7702d9f8a6b5c4d3e2f1a0b9c8d7e6f5a4b"
API_OLD = "51d0aa9e3f2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d"
API_NEW = "e8a6f4133b2a1908f7e6d5c4b3a2918070f1e2d3"
SEARCH = "07c5b9f2e1d0c3b4a5968778695a4b3c2d1e0f1a"
ENDS = "2027-02-21T03:10:00Z"

MESH = {
    "web": ("api", "search"),
    "api": ("billing", "db"),
    "billing": ("db",),
    "search": ("api",),
    "worker": ("api", "queue"),
    "queue": (),
    "db": (),
}


def _container(
    role: str, key: str, *actions: str, differs: tuple[str, ...] = ()
) -> ResourceChange:
    address = f'docker_container.{role}["{key}"]'
    return ResourceChange(address, role, key, actions, differs)


def _pair(key: str, action: str) -> tuple[ResourceChange, ...]:
    release = ResourceChange(
        f'terraform_data.release["{key}"]', "release", key, (action,)
    )
    return (_container("app", key, action), _container("sidecar", key, action), release)


PLAN = PlanReport(
    stack="shop",
    target="ssh://deploy@apps-1.acme.example",
    services=(
        ServiceLine(
            "web",
            "change",
            "release",
            slug="gh:acme/web#main",
            old_commit=WEB_OLD,
            new_commit=WEB_NEW,
            compare=Comparison(
                f"https://github.com/acme/web/compare/{WEB_OLD}...{WEB_NEW}", 4
            ),
            old_release="0e9b7a44",
            new_release="5f21c0d8",
            image="shop-web:5b1c9e02f7aa",
            entrypoint="python3 -m web",
            why="[project.scripts] pyproject.toml:21",
            ports=("8000/http", "127.0.0.1:8080 -> 8000"),
            published=("127.0.0.1:8080",),
            opened=("search",),
            differs=("commit", "image", "env LOG_LEVEL"),
        ),
        ServiceLine(
            "api",
            "change",
            "release",
            slug="gl:acme/platform/api#v1.5.0",
            old_commit=API_OLD,
            new_commit=API_NEW,
            compare=Comparison(
                f"https://gitlab.com/acme/platform/api/-/compare/{API_OLD}...{API_NEW}",
                12,
            ),
            old_release="7c6d5e4f",
            new_release="b3a29180",
            image="shop-api:d80f41c7b6e5",
            entrypoint="uvicorn api.main:app --host 127.0.0.1 --port 8000",
            why="application object api/main.py:14",
            ports=("8000/http",),
            closed=("search",),
            secrets=("STRIPE_API_KEY",),
            differs=("commit", "image", "secrets"),
        ),
        ServiceLine(
            "search",
            "add",
            slug="gh:acme/search#main",
            new_commit=SEARCH,
            new_release="ad60e3f9",
            image="shop-search:1f0e9d8c7b6a",
            entrypoint="python3 -m search.server",
            why="Procfile:1",
            ports=("8000/grpc",),
            opened=("api",),
        ),
        ServiceLine("worker", "change", "edges", opened=("queue",)),
        ServiceLine(
            "mailer",
            "remove",
            slug="gh:acme/mailer#main",
            old_commit="4410c9d2b7a6f5e4d3c2b1a09f8e7d6c5b4a3928",
            old_release="60b1d2c3",
        ),
        ServiceLine("billing", "keep", new_release="33aa44bb"),
        ServiceLine("queue", "keep", new_release="90817263"),
        ServiceLine("db", "keep", new_release="1d2c3b4a"),
    ),
    resources=(
        *_pair("api@7c6d5e4f", "delete"),
        *_pair("api@b3a29180", "create"),
        *_pair("mailer@60b1d2c3", "delete"),
        *_pair("search@ad60e3f9", "create"),
        *_pair("web@0e9b7a44", "delete"),
        *_pair("web@5f21c0d8", "create"),
        _container("door", "web", "create"),
        _container("app", "queue@90817263", "update", differs=("cpus", "memory")),
        ResourceChange('docker_network.door["web"]', "door", "web", ("create",)),
        ResourceChange(
            'terraform_data.edges["worker"]', "edges", "worker", ("update",), ("input",)
        ),
    ),
    moved=(
        MovedSlug(
            "billing",
            "gh:acme/billing#main",
            "2b7e151628aed2a6abf7158809cf4f3c762e7160",
            "603deb1015ca71be2b73aef0857d77811f352c07",
            Comparison(
                "https://github.com/acme/billing/compare/2b7e151...603deb1", None
            ),
        ),
    ),
    mesh=MESH,
)

LIMITED = replace(
    PLAN,
    limited=True,
    label="staging",
    resources=(),
    moved=(),
    alerts=(
        Alert(
            "security",
            (),
            "the target changes:",
            ("ssh://deploy@apps-1 -> tcp://apps-2:2376",),
        ),
    ),
)


def _well(service: str, release: str, latency: float, restarts: int = 0) -> Verdict:
    return Verdict(
        service,
        release,
        "healthy",
        "GET /healthz: 200",
        latency,
        restarts,
        certificate_ends=ENDS,
        latencies_ms=(latency + 9.0, latency, latency - 0.4),
    )


GOOD_VERDICTS = (
    _well("web", "5f21c0d8", 6.1),
    _well("api", "b3a29180", 8.4),
    _well("search", "ad60e3f9", 11.9),
    _well("worker", "77e0f1a2", 3.2, restarts=1),
    _well("billing", "33aa44bb", 5.5),
    _well("queue", "90817263", 1.8),
    _well("db", "1d2c3b4a", 1.2),
)

ILL_API = Verdict(
    "api",
    "b3a29180",
    "unhealthy",
    "GET /healthz over mTLS: 503 Service Unavailable",
    restarts=6,
    exit_reason="exit status 1",
    last_lines=(
        "INFO:     Started server process [17]",
        "INFO:     Waiting for application startup.",
        "Traceback (most recent call last):",
        '  File "/app/api/main.py", line 31, in connect',
        "    key = settings.stripe_key | settings.fallback",
        "TypeError: unsupported operand type(s) for |: 'NoneType' and 'NoneType'",
        "ERROR:    Application startup failed. Exiting. See https://acme.example/runbook#api",
    ),
    certificate_ends=ENDS,
)


def edges(wrong: tuple[tuple[str, str], ...] = ()) -> tuple[EdgeVerdict, ...]:
    """Every pair of the mesh as tried; `wrong` ones did not behave."""
    found = []
    for caller, callees in MESH.items():
        for callee in MESH:
            if caller == callee:
                continue
            allowed = callee in callees
            well = (caller, callee) not in wrong
            answered = allowed == well
            found.append(
                EdgeVerdict(
                    caller,
                    callee,
                    "allowed" if allowed else "denied",
                    well,
                    4.5 if answered else None,
                    "200 OK" if answered else "403 RBAC: access denied",
                )
            )
    found += [
        EdgeVerdict("", callee, "plaintext", True, None, "connection reset")
        for callee in MESH
    ]
    return tuple(found)


STAGES = {
    "check": 0.41,
    "build": 38.92,
    "deliver": 2.35,
    "terraform": 7.88,
    "keeper": 0.12,
    "start": 3.04,
    "health": 9.67,
}

APPLIED = RunReport(
    stack="shop",
    mode="apply",
    target="ssh://deploy@apps-1.acme.example",
    plan=PLAN,
    verdicts=GOOD_VERDICTS,
    mesh=MESH,
    stages=STAGES,
    restarted=("billing",),
    certificates_end=ENDS,
)

ROLLED_BACK = replace(
    APPLIED,
    verdicts=tuple(ILL_API if v.service == "api" else v for v in GOOD_VERDICTS),
    rolled_back=("api",),
    restarted=(),
)

E2E = RunReport(
    stack="shop-e2e",
    mode="e2e",
    verdicts=GOOD_VERDICTS,
    edges=edges(),
    mesh=MESH,
    stages=STAGES,
    certificates_end=ENDS,
)

E2E_WRONG = replace(
    E2E,
    verdicts=tuple(ILL_API if v.service == "api" else v for v in GOOD_VERDICTS),
    edges=edges((("web", "api"), ("search", "db"))),
    smokes=(
        SmokeLine("web", "GET /", True, 12.4, "200, holds 'Welcome'"),
        SmokeLine("api", "POST /orders", False, 3.1, "503, wanted 201"),
    ),
)

DRIFT = RunReport(
    stack="shop",
    mode="drift",
    target="ssh://deploy@apps-1.acme.example",
    plan=PlanReport(
        stack="shop",
        services=(
            ServiceLine("web", "change", "repair", differs=("cpus",)),
            ServiceLine("api", "keep", new_release="b3a29180"),
        ),
        resources=(_container("app", "web@5f21c0d8", "update", differs=("cpus",)),),
    ),
    mesh=MESH,
)

DESTROYED = RunReport(
    stack="shop",
    mode="destroy",
    removed=16,
    kept_volumes=("shop-db-data",),
    stages={"terraform": 11.2},
)

BROKEN = RunReport(
    stack="shop",
    mode="apply",
    failures=(
        Failure(
            "'gh:acme/serch' is not there, or the token may not see it",
            "repos.yaml services[2].slug",
            "correct the slug, or give github-token access to that repository",
            ("GET /repos/acme/serch: 404 Not Found",),
        ),
    ),
)
