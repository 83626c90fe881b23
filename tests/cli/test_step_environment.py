"""The step's inputs in the places where the program's parts look for them."""

from __future__ import annotations

import stat
from pathlib import Path

from karst.cli.step_environment import step_environment
from karst.config.inputs import Inputs, PemPair
from karst.secret import Secret

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----"


def test_without_inputs_it_is_the_jobs_own_without_inputs(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "GH_TOKEN": "job's", "INPUT_CA-KEY": "x"}
    found = step_environment(environ, Inputs(), tmp_path)
    assert found == {"PATH": "/bin", "GH_TOKEN": "job's"}
    assert list(tmp_path.iterdir()) == []


def test_an_input_wins_over_the_jobs_variable(tmp_path: Path) -> None:
    """Also over the one that the forge's client would take first."""
    environ = {"GH_TOKEN": "job's", "GITHUB_TOKEN": "job's", "BITBUCKET_EMAIL": "old"}
    inputs = Inputs(github_token=Secret("mine"), bitbucket_token=Secret("access"))
    found = step_environment(environ, inputs, tmp_path)
    assert found == {"GITHUB_TOKEN": "mine", "BITBUCKET_TOKEN": "access"}


def test_bitbuckets_token_may_have_its_accounts_address(tmp_path: Path) -> None:
    inputs = Inputs(bitbucket_token=Secret("ada@example.test:token"))
    found = step_environment({}, inputs, tmp_path)
    assert found == {"BITBUCKET_EMAIL": "ada@example.test", "BITBUCKET_TOKEN": "token"}


def test_keys_are_files_that_only_the_step_reads(tmp_path: Path) -> None:
    inputs = Inputs(docker_tls_ca=PEM, docker_tls=PemPair(PEM, Secret(KEY)))
    found = step_environment({}, inputs, tmp_path)
    folder = Path(found["DOCKER_CERT_PATH"])
    assert found["DOCKER_TLS_VERIFY"] == "1"
    assert folder.is_relative_to(tmp_path)
    assert {f.name: f.read_text().strip() for f in folder.iterdir()} == {
        "ca.pem": PEM,
        "cert.pem": PEM,
        "key.pem": KEY,
    }
    assert {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_github_runners_home_is_left_alone(tmp_path: Path) -> None:
    found = step_environment({"HOME": "/github/home"}, Inputs(), tmp_path)
    assert found == {"HOME": str(tmp_path / "home")}
    assert (tmp_path / "home").is_dir()
    assert step_environment({"HOME": "/root"}, Inputs(), tmp_path) == {"HOME": "/root"}


def test_the_ca_goes_by_the_same_variables_as_on_a_terminal(tmp_path: Path) -> None:
    inputs = Inputs(ca=PemPair(PEM, Secret(KEY)))
    found = step_environment({"KARST_CA_KEY": "another"}, inputs, tmp_path)
    assert found == {"KARST_CA_CERTIFICATE": PEM, "KARST_CA_KEY": KEY}
