"""Who may call whom, asked of a parsed stack."""

from __future__ import annotations

import pytest

from karst.config.parse import parse_stack

STACK = """\
services:
  - {slug: gh:a/web, calls: [web, db]}
  - gh:a/api
  - {slug: gh:a/db, calls: []}
  - {slug: gh:a/worker, protocol: none}
  - {slug: gh:a/migrate, kind: job, calls: [db]}
"""


@pytest.mark.parametrize(
    ("default", "name", "callees"),
    [
        ("allow", "web", ("db",)),
        ("allow", "api", ("web", "db")),
        ("allow", "db", ()),
        ("allow", "worker", ("web", "api", "db")),
        ("allow", "migrate", ("db",)),
        ("deny", "web", ("db",)),
        ("deny", "api", ()),
        ("deny", "worker", ()),
    ],
)
def test_callees(default: str, name: str, callees: tuple[str, ...]) -> None:
    text = f"{STACK}mesh: {{default: {default}}}\n"
    stack = parse_stack(text, source="repos.yaml", default_name="shop")
    assert stack.callees(name) == callees


def test_a_service_that_is_not_there() -> None:
    stack = parse_stack(STACK, source="repos.yaml", default_name="shop")
    assert stack.service("api").name == "api"
    with pytest.raises(KeyError):
        stack.callees("nobody")
