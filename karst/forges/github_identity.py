"""GitHub's ID tokens: a job asks for one, and which of them vouch for a receipt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from karst.errors import FetchError
from karst.forges.access import ForgeAccess
from karst.forges.asking import Asking
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import PublishFailure
from karst.forges.refusals import Refusals
from karst.forges.sessions import open_session
from karst.secret import Secret
from karst.terraform.receipt import Receipt
from karst.terraform.receipt_signing import Claims, TokenSigner, TokenVerifier

ISSUER = "https://token.actions.githubusercontent.com"
_PUBLIC = "https://github.com"
_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  (a variable's name)
_REMEDY = "give the job `permissions:` with `id-token: write`, or set receipt-key"


def issuer_of(server: str) -> str:
    """Who issues the ID tokens of the GitHub at `server` (GITHUB_SERVER_URL)."""
    if server in ("", _PUBLIC):
        return ISSUER
    scheme, _, host = server.partition("://")
    if host.endswith(".ghe.com"):
        return f"{scheme}://token.actions.{host}"
    return f"{server}/_services/token"


def open_token_signer(
    environ: Mapping[str, str], options: HttpOptions
) -> TokenSigner | None:
    """Sign by the job's ID token; None where the job may not have one."""
    url, token = environ.get(_URL), environ.get(_TOKEN)
    if not url or not token:
        return None
    secret = Secret(token)

    def ask(audience: str) -> str:
        document = _get(
            f"{url}&audience={quote(audience, safe='')}",
            options,
            secret,
            doing="asking for an ID token",
        )
        value = document.get("value")
        if not isinstance(value, str) or not re.fullmatch(
            r"[\w-]+(\.[\w-]+){2}", value
        ):
            raise PublishFailure(
                "asking for an ID token gave none", why="refused", remedy=_REMEDY
            )
        return value

    return TokenSigner(ask)


def open_token_verifier(
    options: HttpOptions,
    branch: str,
    *,
    workflow: str = "",
    issuer: str = ISSUER,
) -> TokenVerifier:
    """Accept tokens of jobs of a receipt's own repository, on that request's account.

    Args:
        branch: the one that requests are merged into.
        workflow: the only workflow that may sign, as the claim `job_workflow_ref` has
            it ("acme/ci/.github/workflows/plan.yml@refs/heads/main"). Without it,
            whoever may change the workflow on a branch may sign for a request of it.
        issuer: another one for a GitHub of one's own.
    """

    @cache
    def keys() -> Mapping[str, Any]:
        return _get(
            f"{issuer}/.well-known/jwks",
            options,
            None,
            doing="reading its issuer's keys",
        )

    return TokenVerifier(issuer, keys, refusal_of(branch, workflow))


def refusal_of(
    branch: str, workflow: str = ""
) -> Callable[[Claims, Receipt], str | None]:
    """Why a token's claims do not fit a receipt, or None."""

    def refuse(claims: Claims, receipt: Receipt) -> str | None:
        said = {
            name: str(claims.get(name, ""))
            for name in ("repository", "ref", "event_name", "job_workflow_ref")
        }
        if said["repository"].lower() != receipt.repository.lower():
            return f"of repository {said['repository']:.100}"
        # Its ref is the main branch's, and its files may be anybody's.
        if said["event_name"] == "pull_request_target":
            return "on pull_request_target"
        queue = f"refs/heads/gh-readonly-queue/{branch}/pr-{receipt.request}-"
        own = (f"refs/pull/{receipt.request}/merge", f"refs/heads/{branch}")
        if said["ref"] not in own and not said["ref"].startswith(queue):
            return f"for {said['ref']:.100}"
        if workflow and said["job_workflow_ref"] != workflow:
            return f"of workflow {said['job_workflow_ref']:.200}"
        return None

    return refuse


def _get(
    url: str, options: HttpOptions, token: Secret | None, *, doing: str
) -> Mapping[str, Any]:
    """A JSON object; raises PublishFailure without the address, which lets in."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    access = ForgeAccess("gh", origin, origin, token)
    session = open_session(origin, Asking(options, Refusals(access)), None)
    headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
    document: Any = None
    try:
        answer = session.get(url, headers=headers, allow_redirects=False)
        if answer.status_code == 200:
            document = answer.json()
        why = f"HTTP {answer.status_code}"
    except FetchError as error:
        why = error.what
    except (requests.RequestException, ValueError):
        why = "the answer is no JSON"
    if isinstance(document, dict):
        return document
    raise PublishFailure(
        f"{doing} failed: {why}", why="unavailable", where=parts.netloc, remedy=_REMEDY
    )
