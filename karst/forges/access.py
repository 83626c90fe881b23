"""Where a forge is and as whom it is asked, from the variables that name it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from karst.errors import ConfigError
from karst.secret import Secret

Kind = Literal["gh", "gl", "bb"]
# How a token is shown to the forge: GitHub's and GitLab's own way, GitLab's way for
# the token of a job, or Basic with the account's e-mail.
Scheme = Literal["bearer", "job", "basic"]


@dataclass(frozen=True)
class Variable:
    """A variable of the environment that names a forge or lets one in."""

    name: str
    description: str
    secret: bool = False


VARIABLES: tuple[Variable, ...] = (
    Variable("GITHUB_API_URL", "API of the GitHub that gh: means."),
    Variable("GH_HOST", "Host of the GitHub that gh: means, where it is another one."),
    Variable("GITHUB_TOKEN", "Token for gh:, read access to contents.", secret=True),
    Variable("GH_TOKEN", "The same; goes before GITHUB_TOKEN.", secret=True),
    Variable("GITHUB_APP_ID", "Id of a GitHub App that may read gh: repositories."),
    Variable("GITHUB_APP_PRIVATE_KEY", "That App's key, as PEM text.", secret=True),
    Variable("CI_API_V4_URL", "API of the GitLab that gl: means."),
    Variable("GITLAB_URL", "Address of the GitLab that gl: means."),
    Variable("GITLAB_TOKEN", "Token for gl:, scope read_api.", secret=True),
    Variable(
        "CI_JOB_TOKEN", "Token of the GitLab job, where no other is.", secret=True
    ),
    Variable("BITBUCKET_API_URL", "API of Bitbucket, where a proxy stands for it."),
    Variable("BITBUCKET_TOKEN", "Token for bb:, read access to code.", secret=True),
    Variable("BITBUCKET_EMAIL", "E-mail of the token's account; none: access token."),
)
_GITHUB_API = "https://api.github.com"
_GITLAB = "https://gitlab.com"
_BITBUCKET_API = "https://api.bitbucket.org/2.0"


@dataclass(frozen=True)
class GitHubApp:
    """An App's id and its private key in PEM."""

    id: str
    key: Secret


@dataclass(frozen=True)
class ForgeAccess:
    """One forge, and the identity that belongs to it and to no other host.

    Attributes:
        api: the API's address, without a slash at its end.
        web: where people and git find repositories, likewise.
        token: None for what everybody may see.
        email: the account's, which Bitbucket's API tokens want.
    """

    kind: Kind
    api: str
    web: str
    token: Secret | None = None
    scheme: Scheme = "bearer"
    email: str = ""
    app: GitHubApp | None = None

    @property
    def host(self) -> str:
        """The host for people, with the port where it is not the usual one."""
        return urlsplit(self.web).netloc

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be seen."""
        key = (self.app.key,) if self.app else ()
        return (*((self.token,) if self.token else ()), *key)


def read_access(kind: Kind, environ: Mapping[str, str]) -> ForgeAccess:
    """Return the access that the variables give; raises ConfigError."""
    readers = {"gh": _read_github, "gl": _read_gitlab, "bb": _read_bitbucket}
    return readers[kind](environ)


def _read_github(environ: Mapping[str, str]) -> ForgeAccess:
    told = _address(environ, "GITHUB_API_URL")
    host = environ.get("GH_HOST", "").strip().lower()
    chosen = _github_api(host) if host else told or _GITHUB_API
    # GITHUB_TOKEN is of the GitHub that runs the workflow and no other.
    own = told is None or _origin(told) == _origin(chosen)
    token = _secret(environ, "GH_TOKEN")
    if token is None and own:
        token = _secret(environ, "GITHUB_TOKEN")
    web = _github_web(chosen)
    return ForgeAccess("gh", chosen, web, token, app=_app(environ))


def _github_api(host: str) -> str:
    if host == "github.com":
        return _GITHUB_API
    if not re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?", host):
        raise ConfigError(
            f"'{host}' is no host",
            where="GH_HOST",
            remedy="write the host alone, such as github.example.com",
        )
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"https://{host}/api/v3"


def _github_web(api: str) -> str:
    parts = urlsplit(api)
    hosted = parts.netloc == "api.github.com" or parts.netloc.endswith(".ghe.com")
    host = parts.netloc.removeprefix("api.") if hosted else parts.netloc
    path = parts.path.removesuffix("/api/v3")
    return f"{parts.scheme}://{host}{path}"


def _app(environ: Mapping[str, str]) -> GitHubApp | None:
    number = environ.get("GITHUB_APP_ID", "").strip()
    key = _secret(environ, "GITHUB_APP_PRIVATE_KEY")
    if not number and key is None:
        return None
    if not number or key is None:
        lacking = "GITHUB_APP_PRIVATE_KEY" if number else "GITHUB_APP_ID"
        raise ConfigError(
            "a GitHub App needs both its id and its private key",
            where=lacking,
            remedy=f"set {lacking}, too, or neither of the two",
        )
    return GitHubApp(number, Secret(key.reveal().replace("\\n", "\n")))


def _read_gitlab(environ: Mapping[str, str]) -> ForgeAccess:
    job = _address(environ, "CI_API_V4_URL")
    web = _address(environ, "GITLAB_URL")
    api = f"{web.removesuffix('/api/v4')}/api/v4" if web else job or f"{_GITLAB}/api/v4"
    web = api.removesuffix("/api/v4")
    if token := _secret(environ, "GITLAB_TOKEN"):
        return ForgeAccess("gl", api, web, token)
    # A job's token is of the GitLab that runs the job and no other.
    if job and _origin(job) == _origin(api):
        token = _secret(environ, "CI_JOB_TOKEN")
    return ForgeAccess("gl", api, web, token, "job" if token else "bearer")


def _read_bitbucket(environ: Mapping[str, str]) -> ForgeAccess:
    api = _address(environ, "BITBUCKET_API_URL") or _BITBUCKET_API
    parts = urlsplit(api)
    web = f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
    token = _secret(environ, "BITBUCKET_TOKEN")
    email = environ.get("BITBUCKET_EMAIL", "").strip() if token else ""
    return ForgeAccess("bb", api, web, token, "basic" if email else "bearer", email)


def _address(environ: Mapping[str, str], name: str) -> str | None:
    """An http(s) address without a slash at its end, or None where it is not set."""
    text = environ.get(name, "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        plain = "@" not in parts.netloc and not (parts.query or parts.fragment)
    except ValueError:
        is_address, plain = False, True
    if not is_address or not plain:
        # The text is not shown: it may hold a password.
        raise ConfigError(
            "this is no address of a forge" if plain else "this address says too much",
            where=name,
            remedy="write it as https://host or https://host/path, without a password",
        )
    return text


def _secret(environ: Mapping[str, str], name: str) -> Secret | None:
    text = environ.get(name, "").strip()
    if any(c in text for c in "\r\n") and "-----BEGIN" not in text:
        raise ConfigError(
            "the token is more than one line", where=name, remedy="set one line only"
        )
    return Secret(text) if text else None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
