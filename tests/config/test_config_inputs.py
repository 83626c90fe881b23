"""The step's inputs: what each gives, and what every bad one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from karst.config.input_keys import INPUTS, OUTPUTS
from karst.config.inputs import Inputs, PemPair, read_inputs
from karst.errors import ConfigError
from karst.secret import Secret

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
CANARY = "canary-7f3a"


def given(**values: str) -> dict[str, str]:
    return {f"INPUT_{k.upper().replace('_', '-')}": v for k, v in values.items()}


def test_nothing_given_is_every_default() -> None:
    assert read_inputs({"PATH": "/bin"}) == Inputs()


def test_an_empty_input_counts_as_not_given() -> None:
    empty = {key.variable: "" for key in INPUTS}
    assert read_inputs(empty) == Inputs()


def test_everything_given() -> None:
    found = read_inputs(
        given(
            command="drift",
            file="deploy/repos.yaml",
            github_token="gh",
            gitlab_token="gl",
            bitbucket_token="bb",
            docker_tls_ca=PEM,
            docker_tls_cert=PEM,
            docker_tls_key=KEY,
            ssh_private_key=KEY,
            ssh_known_hosts="host ssh-ed25519 AAAA",
            backend_config='bucket="our state"\n# not this\n\nkey=a=b\n',
            ca_certificate=PEM,
            ca_key=KEY,
            receipt_key="k" * 32,
            comment="recreate",
            on_unreviewed="apply",
            label="eu west",
            timeout="1h30m",
        )
    )
    assert found == Inputs(
        command="drift",
        file="deploy/repos.yaml",
        github_token=Secret("gh"),
        gitlab_token=Secret("gl"),
        bitbucket_token=Secret("bb"),
        docker_tls_ca=PEM.strip(),
        docker_tls=PemPair(PEM.strip(), Secret(KEY)),
        ssh_private_key=Secret(KEY),
        ssh_known_hosts="host ssh-ed25519 AAAA",
        backend_config={"bucket": Secret("our state"), "key": Secret("a=b")},
        ca=PemPair(PEM.strip(), Secret(KEY)),
        receipt_key=Secret("k" * 32),
        comment="recreate",
        on_unreviewed="apply",
        label="eu west",
        timeout=5400.0,
    )
    hidden = {s.reveal() for s in found.secrets}
    assert hidden == {"gh", "gl", "bb", KEY, "our state", "a=b", "k" * 32}
    assert "k" * 32 not in repr(found)


def test_a_shells_spelling_works_too() -> None:
    assert read_inputs({"INPUT_ON_UNREVIEWED": "apply"}).on_unreviewed == "apply"


def test_the_runners_own_inputs_are_left_alone() -> None:
    assert read_inputs({"INPUT_ARGS": "x", "INPUT_ENTRYPOINT": "y"}) == Inputs()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("comand", "plan", "did you mean 'command'?"),
        ("command", "aply", "did you mean 'apply'?"),
        ("command", "PLAN", "is not one of its words"),
        ("file", "/etc/passwd", "no file below the workspace"),
        ("file", "../repos.yaml", "no file below the workspace"),
        ("file", "a/../../b", "no file below the workspace"),
        ("file", "a\nb", "no file below the workspace"),
        ("docker-tls-ca", CANARY, "no PEM text"),
        ("docker-tls-cert", PEM, "go together"),
        ("docker-tls-key", KEY, "go together"),
        ("ca-certificate", PEM, "go together"),
        ("ca-key", KEY, "go together"),
        ("ca-key", CANARY, "no PEM text"),
        ("ssh-private-key", KEY, "no host keys"),
        ("backend-config", f"bucket {CANARY}", "line 1 is no setting"),
        ("backend-config", f"a=b\nBAD-NAME={CANARY}", "line 2 is no setting"),
        ("receipt-key", CANARY, "fewer than 32 characters"),
        ("comment", "on", "is not one of its words"),
        ("on-unreviewed", "warn", "is not one of its words"),
        ("label", "<!-- -->", "is no label"),
        ("label", "x" * 61, "is no label"),
        ("timeout", "soon", "no duration from 10s to 6h"),
        ("timeout", "1s", "no duration from 10s to 6h"),
        ("timeout", "7h", "no duration from 10s to 6h"),
        ("github-token", "x" * (1 << 21), "too long"),
    ],
)
def test_a_bad_input_is_a_sentence_that_names_it_and_shows_no_secret(
    name: str, value: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_inputs({f"INPUT_{name.upper()}": value})
    assert words in caught.value.what
    assert caught.value.where.startswith("input ")
    assert caught.value.remedy
    assert CANARY not in str(caught.value)


def test_the_action_offers_exactly_these() -> None:
    root = Path(__file__).resolve().parents[2]
    action = yaml.safe_load((root / "action.yml").read_text())
    assert list(action["inputs"]) == [key.name for key in INPUTS]
    assert list(action["outputs"]) == [key.name for key in OUTPUTS]
    assert action["runs"] == {"using": "docker", "image": "Dockerfile"}
    for key in INPUTS:
        default = action["inputs"][key.name].get("default", "")
        assert default == (key.given or key.default)
