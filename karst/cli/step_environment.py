"""The step's inputs as the variables and files by which the program's parts are told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karst.config.inputs import Inputs
from karst.effects.workspace import atomic_write, private_directory

_PRIVATE = 0o600
# GitHub's, in the container of an action.
_RUNNERS_HOME = "/github/home"


def step_environment(
    environ: Mapping[str, str], inputs: Inputs, scratch: Path
) -> dict[str, str]:
    """The job's variables with the inputs in their places; files go below `scratch`.

    An input wins over a variable of the job: it is this step's own.
    """
    found = {k: v for k, v in environ.items() if not k.startswith("INPUT_")}
    if inputs.github_token:
        found.pop("GH_TOKEN", None)
        found["GITHUB_TOKEN"] = inputs.github_token.reveal()
    if inputs.gitlab_token:
        found["GITLAB_TOKEN"] = inputs.gitlab_token.reveal()
    if inputs.bitbucket_token:
        email, sign, token = inputs.bitbucket_token.reveal().rpartition(":")
        found["BITBUCKET_TOKEN"] = token
        found.pop("BITBUCKET_EMAIL", None)
        if sign:
            found["BITBUCKET_EMAIL"] = email
    if inputs.ca:
        found["KARST_CA_CERTIFICATE"] = inputs.ca.certificate
        found["KARST_CA_KEY"] = inputs.ca.key.reveal()
    if inputs.ssh_private_key:
        found["KARST_SSH_KEY"] = inputs.ssh_private_key.reveal()
    if inputs.ssh_known_hosts:
        found["KARST_SSH_KNOWN_HOSTS"] = inputs.ssh_known_hosts
    found |= _tls(inputs, scratch)
    if found.get("HOME") == _RUNNERS_HOME:
        found |= _own_home(found, scratch)
    return found


def _own_home(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """A home that ends with the step: clients write into theirs, here as root, and
    the runner could not remove it."""
    found = {"HOME": str(private_directory(scratch / "home"))}
    login = Path(_RUNNERS_HOME) / ".docker"
    if login.is_dir() and "DOCKER_CONFIG" not in environ:
        found["DOCKER_CONFIG"] = str(login)
    return found


def _tls(inputs: Inputs, scratch: Path) -> dict[str, str]:
    texts = {}
    if inputs.docker_tls_ca:
        texts["ca.pem"] = inputs.docker_tls_ca
    if inputs.docker_tls:
        texts["cert.pem"] = inputs.docker_tls.certificate
        texts["key.pem"] = inputs.docker_tls.key.reveal()
    if not texts:
        return {}
    folder = private_directory(scratch / "docker-tls")
    for name, text in texts.items():
        atomic_write(folder / name, text.rstrip() + "\n", mode=_PRIVATE)
    return {"DOCKER_CERT_PATH": str(folder), "DOCKER_TLS_VERIFY": "1"}
