"""Whether an engine outlives its job, and why there is none."""

from __future__ import annotations

import pytest

from karst.context.engine_at_hand import beside, is_ephemeral, why_no_engine

HOSTED = {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "github-hosted"}
OWN = {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "self-hosted"}
DIND = {
    "GITLAB_CI": "true",
    "DOCKER_HOST": "tcp://docker:2376",
    "DOCKER_TLS_CERTDIR": "/certs",
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_CERT_PATH": "/certs/client",
}


@pytest.mark.parametrize(
    ("environ", "host", "ends"),
    [
        (HOSTED, None, True),
        (HOSTED, "unix:///var/run/docker.sock", True),
        (HOSTED, "ssh://deploy@one.example", False),
        (HOSTED, "tcp://one.example:2376", False),
        (OWN, None, False),
        (DIND, None, True),
        ({**DIND, "DOCKER_HOST": "tcp://docker:2375"}, None, True),
        (DIND, "ssh://deploy@one.example", False),
        (DIND, "tcp://engine.example:2376", False),
        # The runner's own socket, mounted into the job.
        ({"GITLAB_CI": "true"}, None, False),
        (
            {"GITLAB_CI": "true", "CI_RUNNER_TAGS": '["saas-linux-small-amd64"]'},
            None,
            True,
        ),
        ({"BITBUCKET_BUILD_NUMBER": "7"}, None, True),
        ({"DOCKER_HOST": "tcp://docker:2376"}, None, False),
        ({}, None, False),
    ],
)
def test_whether_it_ends_with_the_job(
    environ: dict[str, str], host: str | None, ends: bool
) -> None:
    assert is_ephemeral(environ, host) is ends


@pytest.mark.parametrize(
    ("environ", "there", "part"),
    [
        ({"GITLAB_CI": "true"}, (), "neither a `docker:dind` service nor"),
        ({"GITLAB_CI": "true"}, ("/var/run/docker.sock",), "the runner's own engine"),
        (DIND, (), "did not share its certificates at /certs/client"),
        (DIND, ("/certs/client/cert.pem",), "among the job's `services:`"),
        ({**DIND, "DOCKER_TLS_VERIFY": ""}, (), "wants TLS"),
        (
            {"GITLAB_CI": "true", "DOCKER_HOST": "tcp://docker:2375"},
            (),
            "DOCKER_TLS_CERTDIR: ''",
        ),
        ({**HOSTED, "RUNNER_OS": "macOS"}, (), "runners for macOS have no Docker"),
        ({**OWN, "RUNNER_OS": "Linux"}, (), "this runner has no Docker engine"),
    ],
)
def test_what_is_missing_is_said(
    environ: dict[str, str], there: tuple[str, ...], part: str
) -> None:
    assert part in why_no_engine(environ, None, lambda path: path in there)


@pytest.mark.parametrize(
    ("environ", "host"),
    [({}, None), (DIND, "ssh://deploy@h"), (DIND, "tcp://engine.example:2376")],
)
def test_where_nobody_knows_nothing_is_made_up(
    environ: dict[str, str], host: str | None
) -> None:
    assert why_no_engine(environ, host, lambda _: False) == ""


SERVICE = {
    "DOCKER_HOST": "tcp://docker:2376",
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_CERT_PATH": "/certs/client",
}
SOCKET, CERTIFICATE = "/var/run/docker.sock", "/certs/client/cert.pem"


@pytest.mark.parametrize(
    ("environ", "there", "found"),
    [
        ({"GITLAB_CI": "true"}, {CERTIFICATE}, SERVICE),
        (
            {"GITLAB_CI": "true", "DOCKER_CERT_PATH": "/tls"},
            {"/tls/cert.pem"},
            {**SERVICE, "DOCKER_CERT_PATH": "/tls"},
        ),
        # What the job says itself, and the runner's own engine, go before.
        ({"GITLAB_CI": "true", "DOCKER_HOST": "tcp://x:1"}, {CERTIFICATE}, {}),
        ({"GITLAB_CI": "true"}, {CERTIFICATE, SOCKET}, {}),
        ({"GITLAB_CI": "true"}, set(), {}),
        ({}, {CERTIFICATE}, {}),
    ],
)
def test_a_service_beside_a_gitlab_job_is_found_by_its_certificates(
    environ: dict[str, str], there: set[str], found: dict[str, str]
) -> None:
    assert beside(environ, there.__contains__) == found
