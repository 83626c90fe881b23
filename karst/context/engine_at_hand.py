"""What a pipeline's variables say of its engine: whether it lasts, and why it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

LOCAL = "unix:///var/run/docker.sock"
# The names by which GitLab's documentation has a job reach its docker:dind service.
_SERVICES = ("docker", "dind", "docker-dind")


def is_ephemeral(environ: Mapping[str, str], host: str | None = None) -> bool:
    """Whether the engine ends with this job, and everything deployed to it as well.

    Args:
        host: the address from repos.yaml or a setting; None: as the job's variables say.
    """
    address = host or environ.get("DOCKER_HOST") or LOCAL
    kind = address.partition("://")[0]
    if kind == "tcp":
        return _is_service(address, environ)
    if kind != "unix":
        return False
    # Docker beside a Bitbucket build is a service of that build.
    hosted = environ.get("RUNNER_ENVIRONMENT") == "github-hosted"
    saas = "saas-" in environ.get("CI_RUNNER_TAGS", "")
    return hosted or saas or "BITBUCKET_BUILD_NUMBER" in environ


def beside(
    environ: Mapping[str, str], exists: Callable[[str], bool]
) -> Mapping[str, str]:
    """Variables by which a GitLab job's docker:dind service is reached.

    None where the job says itself which engine it means, where the runner mounts its
    own, or where no such service has left its certificates.
    """
    if "GITLAB_CI" not in environ or environ.get("DOCKER_HOST"):
        return {}
    folder = environ.get("DOCKER_CERT_PATH") or "/certs/client"
    if exists(LOCAL.removeprefix("unix://")) or not exists(f"{folder}/cert.pem"):
        return {}
    return {
        "DOCKER_HOST": "tcp://docker:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": folder,
    }


def _is_service(address: str, environ: Mapping[str, str]) -> bool:
    """GitLab runs docker:dind as a container of the job's own."""
    name = urlsplit(address).hostname or ""
    return "GITLAB_CI" in environ and (name in _SERVICES or name.startswith("docker-"))


def why_no_engine(
    environ: Mapping[str, str], host: str | None, exists: Callable[[str], bool]
) -> str:
    """What a pipeline lacks where its engine can't be reached; "" where nobody knows.

    `exists` says whether there is a file at a path.
    """
    address = host or environ.get("DOCKER_HOST") or LOCAL
    if address.startswith("ssh://"):
        return ""
    if "GITLAB_CI" in environ:
        return _on_gitlab(address, environ, exists)
    if environ.get("RUNNER_OS", "Linux") != "Linux":
        return f"runners for {environ['RUNNER_OS']} have no Docker engine: use one for Linux, or name a remote engine"
    if "GITHUB_ACTIONS" in environ and not exists(address.partition("://")[2]):
        return "this runner has no Docker engine: install one on it, use `runs-on: ubuntu-latest`, or name a remote engine (`target: {docker_host: 'ssh://user@host'}`)"
    return ""


def _on_gitlab(
    address: str, environ: Mapping[str, str], exists: Callable[[str], bool]
) -> str:
    if address.startswith("unix://"):
        path = address.removeprefix("unix://")
        if exists(path):
            return "the runner mounts its socket into the job, and nothing answers there: is the runner's own engine running?"
        return "the job has neither a `docker:dind` service nor the runner's socket: add `services: [docker:dind]` with the variables DOCKER_HOST: tcp://docker:2376, DOCKER_TLS_CERTDIR: /certs, DOCKER_TLS_VERIFY: 1 and DOCKER_CERT_PATH: /certs/client, or mount /var/run/docker.sock in the runner's config.toml"
    if not _is_service(address, environ):
        return ""
    port = urlsplit(address).port
    if not environ.get("DOCKER_TLS_VERIFY"):
        if port == 2376 or environ.get("DOCKER_TLS_CERTDIR"):
            return "the docker:dind service wants TLS: set DOCKER_TLS_VERIFY: 1 and DOCKER_CERT_PATH: /certs/client beside DOCKER_TLS_CERTDIR: /certs"
        return "nothing answers there: is `docker:dind` among the job's `services:`, and the runner `privileged`? Without TLS it wants DOCKER_TLS_CERTDIR: '' for the service, too"
    certificates = environ.get("DOCKER_CERT_PATH", "")
    if not exists(f"{certificates}/cert.pem"):
        return f"the docker:dind service did not share its certificates at {certificates or 'DOCKER_CERT_PATH'}: the runner needs `volumes = ['/certs/client']` in its config.toml, and the job DOCKER_TLS_CERTDIR: /certs"
    return "nothing answers there: is `docker:dind` among the job's `services:`, and the runner `privileged`?"
