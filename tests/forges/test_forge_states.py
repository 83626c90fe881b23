"""States that GitLab keeps: which address, whose token, and that no file has it."""

from __future__ import annotations

import pytest

from karst.config.spec import StateSpec
from karst.errors import ConfigError
from karst.forges.states import resolve_state

JOB = {
    "CI_API_V4_URL": "https://gitlab.acme.example/api/v4",
    "CI_PROJECT_ID": "42",
    "CI_JOB_TOKEN": "job-token",
    "GITLAB_TOKEN": "reads-only",
}
GITLAB = StateSpec("gitlab")
BASE = "https://gitlab.acme.example/api/v4/projects/42/terraform/state/shop"


def test_in_a_job_the_project_and_the_token_are_the_job_s() -> None:
    state, credentials = resolve_state(GITLAB, "shop", JOB)
    assert state == StateSpec(
        "http",
        {
            "address": BASE,
            "lock_address": f"{BASE}/lock",
            "unlock_address": f"{BASE}/lock",
            "lock_method": "POST",
            "unlock_method": "DELETE",
            "retry_wait_min": "5",
        },
    )
    assert credentials == {
        "TF_HTTP_USERNAME": "gitlab-ci-token",
        "TF_HTTP_PASSWORD": "job-token",
    }


def test_elsewhere_the_project_is_named() -> None:
    config = {"project": "acme/platform/shop", "name": "shop/eu"}
    environ = {"GITLAB_URL": "https://gitlab.acme.example", "GITLAB_TOKEN": "mine"}
    state, credentials = resolve_state(StateSpec("gitlab", config), "shop", environ)
    assert state.config["address"] == (
        "https://gitlab.acme.example/api/v4/projects/acme%2Fplatform%2Fshop/terraform/state/shop%2Feu"
    )
    assert credentials["TF_HTTP_PASSWORD"] == "mine"


def test_a_job_s_token_is_shown_to_its_own_gitlab_only() -> None:
    environ = {**JOB, "GITLAB_URL": "https://gitlab.other.example"}
    _, credentials = resolve_state(GITLAB, "shop", environ)
    assert credentials["TF_HTTP_PASSWORD"] == "reads-only"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (("CI_PROJECT_ID",), "none is named"),
        (("CI_JOB_TOKEN", "GITLAB_TOKEN"), "token"),
    ],
)
def test_what_is_missing_is_a_sentence(missing: tuple[str, ...], sentence: str) -> None:
    environ = {k: v for k, v in JOB.items() if k not in missing}
    with pytest.raises(ConfigError, match=sentence):
        resolve_state(GITLAB, "shop", environ)


def test_others_are_left_alone() -> None:
    state = StateSpec("pg", {"schema_name": "shop"})
    assert resolve_state(state, "shop", JOB) == (state, {})
