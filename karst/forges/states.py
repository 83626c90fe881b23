"""Terraform states that a forge keeps: `state: {backend: gitlab}`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from karst.config.spec import StateSpec
from karst.errors import ConfigError
from karst.forges.access import read_access


def resolve_state(
    state: StateSpec, stack: str, environ: Mapping[str, str]
) -> tuple[StateSpec, Mapping[str, str]]:
    """Turn a forge's own backend into Terraform's; others are returned as they are.

    Returns the backend, and the variables with its credentials: those stand in no file.
    Raises ConfigError where the project or a token is missing.
    """
    if state.backend != "gitlab":
        return state, {}
    # A job's own token may write its project's state (GitLab's page on job tokens);
    # GITLAB_TOKEN often may only read.
    own = {k: v for k, v in environ.items() if k != "GITLAB_TOKEN"}
    access = read_access("gl", own)
    if access.token is None:
        access = read_access("gl", environ)
    project = state.config.get("project") or environ.get("CI_PROJECT_ID")
    if not project:
        raise ConfigError(
            "`backend: gitlab` keeps the state in a project, and none is named",
            where="repos.yaml state",
            remedy="in a GitLab job it is the job's own; elsewhere write `config: {project: group/name}`",
        )
    if access.token is None:
        raise ConfigError(
            "`backend: gitlab` needs a token",
            where="repos.yaml state",
            remedy="a GitLab job has one (CI_JOB_TOKEN); elsewhere set GITLAB_TOKEN, scope api",
        )
    name = quote(state.config.get("name") or stack, safe="")
    base = f"{access.api}/projects/{quote(project, safe='')}/terraform/state/{name}"
    config = {
        "address": base,
        "lock_address": f"{base}/lock",
        "unlock_address": f"{base}/lock",
        "lock_method": "POST",
        "unlock_method": "DELETE",
        "retry_wait_min": "5",
    }
    # GitLab's page on its Terraform state: any name will do beside a person's token.
    user = "gitlab-ci-token" if access.scheme == "job" else "karst"
    credentials = {
        "TF_HTTP_USERNAME": user,
        "TF_HTTP_PASSWORD": access.token.reveal(),
    }
    return StateSpec("http", config), credentials
