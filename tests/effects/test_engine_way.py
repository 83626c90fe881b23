"""The way to an engine: what each client is told, and what is refused before a word."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from karst.effects.engine_way import SshAccess, open_way
from karst.effects.ssh_words import explain, find_engine, forward, log_in
from karst.errors import EngineError

JOB = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs", "DOCKER_CONTEXT": "x"}


def test_a_socket_is_told_to_every_client_without_others_tls() -> None:
    way = open_way(
        "unix:///run/other.sock", {**JOB, "DOCKER_HOST": "tcp://docker:2376"}
    )
    assert (way.shown, way.socket) == ("unix:///run/other.sock", "/run/other.sock")
    assert way.environ == {"DOCKER_HOST": "unix:///run/other.sock"}


def test_without_any_word_it_is_the_local_socket() -> None:
    assert open_way(None, {"PATH": "/bin"}).endpoint == "unix:///var/run/docker.sock"
    assert open_way(None, {"DOCKER_HOST": ""}).socket == "/var/run/docker.sock"


def test_tls_is_told_by_its_folder(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
    given = {"DOCKER_TLS_VERIFY": "yes", "DOCKER_CERT_PATH": str(tmp_path)}
    way = open_way("tcp://one.example:2376", {**given, "DOCKER_CONTEXT": "x"})
    assert way.environ == {
        "DOCKER_HOST": "tcp://one.example:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    # Who runs on the engine's own machine finds it at its usual place.
    assert way.socket == "/var/run/docker.sock"


def test_what_lacks_for_tls_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    given = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    with pytest.raises(EngineError, match=r"cert\.pem, key\.pem") as caught:
        open_way("tcp://one.example:2376", given)
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize("host", ["one.example", "10.0.0.1", "docker", "[fd00::1]"])
def test_keys_are_not_sent_in_clear(host: str) -> None:
    with pytest.raises(EngineError, match="in clear") as caught:
        open_way(f"tcp://{host}:2375", {})
    assert "ssh://" in caught.value.remedy


@pytest.mark.parametrize(
    ("host", "environ"),
    [
        ("127.0.0.1", {}),
        ("localhost", {}),
        ("[::1]", {}),
        # GitLab's docker:dind with its TLS turned off on purpose.
        ("docker", {"DOCKER_TLS_CERTDIR": ""}),
    ],
)
def test_in_clear_only_where_nobody_else_hears(
    host: str, environ: dict[str, str]
) -> None:
    address = f"tcp://{host}:2375"
    assert open_way(address, environ).endpoint == address


def test_another_kind_of_address_is_a_sentence() -> None:
    with pytest.raises(EngineError, match="npipe") as caught:
        open_way("npipe:////./pipe/docker", {})
    assert "ssh://user@host" in caught.value.remedy


# --- ssh's command lines --------------------------------------------------------------


def options(words: tuple[str, ...]) -> dict[str, str]:
    """-o NAME=VALUE: the first of a name counts, as for ssh."""
    found: dict[str, str] = {}
    for flag, value in pairwise(words):
        if flag == "-o":
            found.setdefault(value.partition("=")[0], value.partition("=")[2])
    return found


def test_host_keys_are_checked_whatever_a_configuration_says() -> None:
    for access in (SshAccess(), SshAccess("/k/key", "/k/hosts")):
        found = options(log_in("ssh://h", Path("/c"), access, "true").argv)
        assert found["StrictHostKeyChecking"] == "yes"
        assert found["NoHostAuthenticationForLocalhost"] == "no"
        assert found["VerifyHostKeyDNS"] == "no"
        assert found["BatchMode"] == "yes"
        assert found["PermitLocalCommand"] == "no"


def test_what_is_given_is_all_that_counts() -> None:
    words = log_in("ssh://h", Path("/c"), SshAccess("/k/key", "/k/hosts"), "true").argv
    found = options(words)
    assert found["UserKnownHostsFile"] == '"/k/hosts"'
    assert found["GlobalKnownHostsFile"] == "/dev/null"
    assert (found["IdentitiesOnly"], found["IdentityAgent"]) == ("yes", "none")
    assert words[words.index("-i") + 1] == "/k/key"


def test_the_user_s_own_agent_and_files_count_where_nothing_is_given() -> None:
    words = log_in("ssh://h", Path("/c"), SshAccess(), "true").argv
    assert "-i" not in words
    assert not {"IdentityAgent", "UserKnownHostsFile"} & set(options(words))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ssh://host", ("--", "host")),
        ("ssh://deploy@host:2222", ("-p", "2222", "-l", "deploy", "--", "host")),
        ("ssh://deploy@[fd00::1]/run/d.sock", ("-l", "deploy", "--", "fd00::1")),
    ],
)
def test_the_destination_can_be_no_option(address: str, words: tuple[str, ...]) -> None:
    argv = log_in(address, Path("/c"), SshAccess(), "remote words").argv
    assert argv[-len(words) - 1 :] == (*words, "remote words")
    here = forward(address, Path("/c"), Path("/h.sock"), "/t.sock").argv
    assert here[-len(words) :] == words
    assert "/h.sock:/t.sock" in here


def test_a_path_with_a_quote_stays_a_path() -> None:
    script = find_engine("/run/a'; reboot; '.sock")
    assert "given='/run/a'\\''; reboot; '\\''.sock'" in script


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Host key verification failed.", "the host key is not among the known ones"),
        ("ssh: Could not resolve hostname nope", "no such host is known"),
        ("connect to host h port 22: Connection refused", "does not answer"),
        ("connect to host h port 22: Connection timed out", "does not answer"),
        ('Load key "k": error in libcrypto\nd: Permission denied', "can't be read"),
        ("deploy@h: Permission denied (publickey).", "does not accept the key"),
        ("channel 2: open failed: administratively prohibited", "forwards no sockets"),
        ("something else", "ssh did not get there"),
    ],
)
def test_ssh_s_last_words_as_a_sentence(said: str, what: str) -> None:
    error = explain("ssh://d@h", said, has_key=True)
    assert what in error.what
    assert (error.where, error.detail) == ("ssh://d@h", said)
    assert error.remedy


def test_a_missing_key_has_a_sentence_of_its_own() -> None:
    error = explain("ssh://d@h", "Permission denied (publickey).", has_key=False)
    assert "ssh-add" in error.remedy
