"""Inputs of the pipeline step: INPUT_* variables, checked, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Literal, NoReturn, cast

from karst.config.input_keys import INPUT_KEYS, INPUTS, InputKey
from karst.config.quantity import parse_duration
from karst.errors import ConfigError
from karst.secret import Secret

StepCommand = Literal["auto", "plan", "apply", "e2e", "destroy", "drift", "lock"]
CommentMode = Literal["update", "recreate", "off"]
OnUnreviewed = Literal["fail", "apply"]

# Of every Docker action; the runner itself follows them.
_RUNNERS_OWN = ("INPUT_ARGS", "INPUT_ENTRYPOINT")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,59}")
_SHORTEST_KEY = 32
_LONGEST = 1 << 20
_SHORTEST_RUN, _LONGEST_RUN = 10.0, 21600.0


@dataclass(frozen=True)
class PemPair:
    """A certificate and its key, both PEM texts."""

    certificate: str
    key: Secret


@dataclass(frozen=True)
class Inputs:
    """What the step was asked for; `timeout` is seconds, None is not given."""

    command: StepCommand = "auto"
    file: str = "repos.yaml"
    github_token: Secret | None = None
    gitlab_token: Secret | None = None
    bitbucket_token: Secret | None = None
    docker_tls_ca: str | None = None
    docker_tls: PemPair | None = None
    ssh_private_key: Secret | None = None
    ssh_known_hosts: str | None = None
    backend_config: Mapping[str, Secret] = field(default_factory=dict)
    ca: PemPair | None = None
    receipt_key: Secret | None = None
    comment: CommentMode = "update"
    on_unreviewed: OnUnreviewed = "fail"
    label: str = ""
    timeout: float = 1800.0

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything given that nobody may see."""
        return (*self.credentials, *self.backend_config.values())

    @property
    def credentials(self) -> tuple[Secret, ...]:
        """What lets in or signs; of the backend's settings nobody knows which do."""
        pairs = (self.docker_tls, self.ca)
        return tuple(
            secret
            for secret in (
                self.github_token,
                self.gitlab_token,
                self.bitbucket_token,
                self.ssh_private_key,
                self.receipt_key,
                *(pair.key for pair in pairs if pair),
            )
            if secret is not None
        )


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Read the step's inputs; an empty value counts as not given.

    Raises ConfigError for a bad value or an input that karst doesn't have; the message
    never shows the value of a secret one.
    """
    _refuse_unknown(environ)
    given = {key.name: _text(environ, key) for key in INPUTS}

    def secret(name: str) -> Secret | None:
        return Secret(given[name]) if given[name] else None

    return Inputs(
        command=cast(StepCommand, given["command"]),
        file=_file(given["file"]),
        github_token=secret("github-token"),
        gitlab_token=secret("gitlab-token"),
        bitbucket_token=secret("bitbucket-token"),
        docker_tls_ca=_pem(given, "docker-tls-ca"),
        docker_tls=_pair(given, "docker-tls-cert", "docker-tls-key"),
        ssh_private_key=secret("ssh-private-key"),
        ssh_known_hosts=_known_hosts(given),
        backend_config=_pairs(given["backend-config"]),
        ca=_pair(given, "ca-certificate", "ca-key"),
        receipt_key=_receipt_key(given["receipt-key"]),
        comment=cast(CommentMode, given["comment"]),
        on_unreviewed=cast(OnUnreviewed, given["on-unreviewed"]),
        label=_label(given["label"]),
        timeout=_timeout(given["timeout"]),
    )


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {key.variable for key in INPUTS}
    known |= {name.replace("-", "_") for name in known}
    for name in sorted(environ):
        if not name.startswith("INPUT_") or name in known or name in _RUNNERS_OWN:
            continue
        written = name.removeprefix("INPUT_").lower()
        near = get_close_matches(written, INPUT_KEYS, 1)
        _refuse(
            written,
            "the step has no such input"
            + (f", did you mean '{near[0]}'?" if near else ""),
            f"the inputs are {', '.join(INPUT_KEYS)}",
        )


def _text(environ: Mapping[str, str], key: InputKey) -> str:
    # A shell can't set a variable with a hyphen in its name; GitHub's runner does.
    plain = key.variable.replace("-", "_")
    text = environ.get(key.variable) or environ.get(plain) or key.default
    text = text.strip() if not key.secret else text
    if len(text) > _LONGEST or "\0" in text:
        _refuse(key.name, "the value is too long, or no text", "give it as text")
    if key.choices and text not in key.choices:
        near = get_close_matches(text, key.choices, 1)
        guess = f", did you mean '{near[0]}'?" if near else ""
        _refuse(
            key.name,
            f"'{text:.40}' is not one of its words{guess}",
            f"write one of {', '.join(key.choices)}",
        )
    return text if text.strip() else ""


def _file(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not _is_line(text):
        _refuse(
            "file",
            f"'{text:.80}' is no file below the workspace",
            "write its path from the repository's root, such as deploy/repos.yaml",
        )
    return str(path)


def _pem(given: Mapping[str, str], name: str) -> str | None:
    text = given[name]
    if text and "-----BEGIN" not in text:
        _refuse(name, "this is no PEM text", "it begins with -----BEGIN")
    return text or None


def _pair(given: Mapping[str, str], certificate: str, key: str) -> PemPair | None:
    first, second = _pem(given, certificate), _pem(given, key)
    if bool(first) != bool(second):
        lacking = key if first else certificate
        _refuse(
            lacking,
            f"'{certificate}' and '{key}' go together, and this one is empty",
            "give both or neither; a secret that does not exist is empty, as are all for a fork's request",
        )
    return PemPair(first, Secret(second)) if first and second else None


def _known_hosts(given: Mapping[str, str]) -> str | None:
    if given["ssh-private-key"] and not given["ssh-known-hosts"]:
        _refuse(
            "ssh-known-hosts",
            "a key is given, and no host keys to know the engine by",
            "give the lines that `ssh-keyscan HOST` prints, after comparing them with the host's own",
        )
    return given["ssh-known-hosts"] or None


def _pairs(text: str) -> Mapping[str, Secret]:
    found: dict[str, Secret] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, sign, value = line.strip().partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name = name.strip()
        if not sign or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
            _refuse(
                "backend-config",
                f"line {number} is no setting",
                "write key=value on each line, such as bucket=our-state",
            )
        found[name] = Secret(value.strip().strip('"'))
    return found


def _receipt_key(text: str) -> Secret | None:
    if text and len(text.strip()) < _SHORTEST_KEY:
        _refuse(
            "receipt-key",
            f"the key has fewer than {_SHORTEST_KEY} characters",
            "make one with `openssl rand -base64 32`",
        )
    return Secret(text.strip()) if text else None


def _label(text: str) -> str:
    if text and not _LABEL.fullmatch(text):
        _refuse(
            "label",
            f"'{text:.70}' is no label",
            "use up to 60 letters, digits, spaces and . _ / -",
        )
    return text


def _timeout(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = -1.0
    if not _SHORTEST_RUN <= seconds <= _LONGEST_RUN:
        _refuse(
            "timeout",
            f"'{text:.40}' is no duration from 10s to 6h",
            "write it as 30m or 1h30m",
        )
    return seconds


def _is_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text) <= 1000


def _refuse(name: str, what: str, remedy: str) -> NoReturn:
    raise ConfigError(what, where=f"input {name}", remedy=remedy)
