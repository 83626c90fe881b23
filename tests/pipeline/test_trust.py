"""What a request's own repos.yaml may not do, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from karst.config.parse import parse_stack
from karst.config.spec import StackSpec
from karst.errors import ConfigError
from karst.pipeline.trust import (
    backend_secrets,
    refuse_leaving,
    refuse_outside,
    refuse_own_credentials,
    refuse_state_credentials,
    state_secrets,
    trust,
)
from karst.secret import Secret

BASE = """
name: shop
services: [gh:acme/web]
target: {docker_host: 'ssh://deploy@one.example'}
state: {backend: pg, config: {schema_name: shop}}
"""


def stack(text: str) -> StackSpec:
    return parse_stack(text, source="repos.yaml", default_name="shop")


def alerts(text: str, base: str | None = BASE) -> list[tuple[str, tuple[str, ...]]]:
    found = trust(stack(text), stack(base) if base else None).alerts
    assert all(a.kind == "security" for a in found)
    return [(a.text, a.names) for a in found]


def test_an_unchanged_request_has_nothing_to_say() -> None:
    assert trust(stack(BASE), stack(BASE)).alerts == ()


@pytest.mark.parametrize(
    ("changed", "word", "names"),
    [
        ("one.example", "the engine", ("ssh://deploy@two.example",)),
        ("schema_name: shop", "where the state is kept", ("pg",)),
        ("name: shop\n", "renamed", ("shop",)),
    ],
)
def test_target_state_and_name_of_a_request_are_told_and_not_used(
    changed: str, word: str, names: tuple[str, ...]
) -> None:
    new = {
        "one.example": "two.example",
        "schema_name: shop": "schema_name: other",
        "name: shop\n": "name: other\n",
    }[changed]
    text = BASE.replace(changed, new)
    found = trust(stack(text), stack(BASE))
    assert found.spec.target == stack(BASE).target
    assert found.spec.state == stack(BASE).state
    ((told, named),) = alerts(text)
    assert word in told
    assert named == names


def test_without_a_base_neither_target_nor_state_is_the_requests_own() -> None:
    found = trust(stack(BASE), None)
    assert found.spec.target.docker_host is None
    assert found.spec.state.backend == "local"
    assert len(found.alerts) == 2


def test_opening_the_mesh_to_everybody_is_told() -> None:
    closed = BASE + "mesh: {default: deny}\n"
    assert [text for text, _ in alerts(BASE, closed)] == [
        "services without `calls` may newly call everybody"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "INPUT_FILE",
        "INPUT_RECEIPT-KEY",
        "GITHUB_TOKEN",
        "github_token",
        "GITHUB_WORKSPACE",
        "ACTIONS_RUNTIME_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "RUNNER_TEMP",
        "CI_JOB_TOKEN",
        "TF_TOKEN_app_example_org",
        "TF_HTTP_PASSWORD",
        "KARST_CA_KEY",
        "DOCKER_CERT_PATH",
        "SSH_AUTH_SOCK",
        "GH_TOKEN",
        "GITLAB_TOKEN",
        "BITBUCKET_TOKEN",
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "{slug: gh:acme/web, secrets: [NAME]}",
        "{slug: gh:acme/web, build: {with: auto, secrets: [NAME]}}",
        "{slug: gh:acme/web, publish: {listen: 8443, tls: {certificate: NAME, key: K}}}",
    ],
)
def test_the_steps_own_variables_are_nobodys_secret(name: str, place: str) -> None:
    with pytest.raises(ConfigError):
        stack(f"[{place.replace('NAME', name)}]")


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("pg", "PGPASSWORD"),
        ("s3", "AWS_SECRET_ACCESS_KEY"),
        ("azurerm", "ARM_SAS_TOKEN"),
    ],
)
def test_the_states_credentials_are_nobodys_secret(backend: str, name: str) -> None:
    text = f"services: [{{slug: gh:acme/web, secrets: [{name}]}}]\nstate: {{backend: "
    refuse_state_credentials(stack(text + "gcs}"))
    with pytest.raises(ConfigError, match=name):
        refuse_state_credentials(stack(text + backend + "}"))


@pytest.mark.parametrize(
    "place",
    [
        "{slug: gh:acme/web, secrets: [SIGNING]}",
        "{slug: gh:acme/web, build: {with: auto, secrets: [SIGNING]}}",
        "{slug: gh:acme/web, publish: {listen: 8443, tls: {certificate: CHAIN, key: SIGNING}}}",
    ],
)
@pytest.mark.parametrize("value", ["new-key-0123456789", "old-key-0123456789", "both"])
def test_the_steps_credentials_are_nobodys_secret_under_any_name(
    value: str, place: str
) -> None:
    """On GitLab `receipt-key: SIGNING` names a variable of the project."""
    both = "new-key-0123456789\nold-key-0123456789\n"
    environ = {"SIGNING": both if value == "both" else value, "CHAIN": "x"}
    with pytest.raises(ConfigError, match="'SIGNING' holds what lets in the step"):
        refuse_own_credentials(stack(f"[{place}]"), environ, (Secret(both),))
    refuse_own_credentials(
        stack(f"[{place}]"), environ, (Secret("another-key-012345"),)
    )


def test_what_is_too_short_to_be_a_credential_may_be_anybodys() -> None:
    spec = stack("[{slug: gh:acme/web, secrets: [DEBUG]}]")
    refuse_own_credentials(spec, {"DEBUG": "true"}, (Secret("true"),))
    found = backend_secrets({"bucket": Secret("state"), "password": Secret("p")})
    assert found == (Secret("p"),)


def test_what_lets_into_the_state_is_masked_and_its_region_is_not() -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_REGION": "eu-west-1",
        "PGPASSWORD": "another",
    }
    spec = stack("services: [gh:acme/web]\nstate: {backend: s3}")
    assert state_secrets(spec, environ) == (Secret("canary"),)


def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "config").write_text("token")
    (tmp_path / "outside.yaml").write_text("secret")
    return root


def link(to: str) -> Any:
    def make(root: Path) -> Path:
        (root / "repos.yaml").symlink_to(to)
        return root / "repos.yaml"

    return make


def linked_folder(root: Path) -> Path:
    (root / "deploy").symlink_to(root.parent)
    return root / "deploy" / "outside.yaml"


@pytest.mark.parametrize(
    "make",
    [
        link("../outside.yaml"),
        link("/proc/self/environ"),
        link(".git/config"),
        link("."),
        linked_folder,
        lambda root: root / ".git" / "config",
        lambda root: root / ".." / "outside.yaml",
    ],
)
def test_repos_yaml_leads_nowhere_else(tmp_path: Path, make: Any) -> None:
    root = workspace(tmp_path)
    with pytest.raises(ConfigError, match="outside of the workspace"):
        refuse_outside(make(root), root, where="repos.yaml")


def test_a_link_within_the_workspace_is_well(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    (root / "real.yaml").write_text("x")
    refuse_outside(link("real.yaml")(root), root, where="repos.yaml")


def test_a_builds_ca_bundle_stays_in_the_workspace(tmp_path: Path) -> None:
    root = workspace(tmp_path)
    text = "[{slug: gh:acme/web, build: {with: auto, ca_bundle: ../outside.yaml}}]"
    with pytest.raises(ConfigError) as caught:
        refuse_leaving(stack(text), root / "repos.yaml", root)
    assert "ca_bundle" in caught.value.where
