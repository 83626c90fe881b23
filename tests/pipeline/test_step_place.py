"""An error that names a service is shown on that service's line of repos.yaml."""

from __future__ import annotations

import pytest

from karst.config.parse import parse_stack
from karst.pipeline.step_place import on_its_line

SPEC = parse_stack(
    "services:\n- gh:acme/web\n- slug: gh:acme/api\n  port: 8000\n",
    source="deploy/repos.yaml",
    default_name="shop",
)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (
            "service 'api', gh:acme/api",
            "deploy/repos.yaml:3 service 'api', gh:acme/api",
        ),
        ("services.web.publish", "deploy/repos.yaml:2 services.web.publish"),
        (
            "repos.yaml services.api.publish",
            "deploy/repos.yaml:3 repos.yaml services.api.publish",
        ),
        ("deploy/repos.yaml:9 services.api", "deploy/repos.yaml:9 services.api"),
        ("service 'other'", "service 'other'"),
        ("input file", "input file"),
        ("", ""),
    ],
)
def test_the_line_is_put_before_the_place(where: str, found: str) -> None:
    assert on_its_line(where, "deploy/repos.yaml", SPEC) == found
