"""The forge in whose pipeline karst runs: its requests, and what a job can sign with."""

from __future__ import annotations

from collections.abc import Mapping

from karst.context.run_context import RunContext
from karst.errors import ConfigError
from karst.forges.access import read_access
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import Publisher
from karst.terraform.receipt_signing import Signer, Verifier


def open_publisher(context: RunContext, environ: Mapping[str, str]) -> Publisher:
    """The calling repository's requests; nothing is asked yet. Raises ConfigError."""
    repository, options = context.repository or "", HttpOptions(environ)
    if context.kind == "github":
        from karst.forges.github_requests import GitHubRequests

        access = read_access("gh", environ)
        return GitHubRequests(access, options, repository, context.branch)
    if context.kind == "gitlab":
        from karst.forges.gitlab_requests import GitLabRequests

        access = read_access("gl", environ)
        return GitLabRequests(access, options, repository, context.branch)
    raise ConfigError(
        "this is no job of a pipeline: there are no requests",
        where="the environment",
        remedy="`karst step` is for pipelines; on a terminal use `karst plan` and `karst deploy`",
    )


def open_signing(
    context: RunContext, environ: Mapping[str, str]
) -> tuple[Signer | None, Verifier | None]:
    """Signing and checking by the job's own token, where the forge has such tokens
    for any audience: GitLab's are asked for in the job's text, before the audience,
    a receipt's digest, is known."""
    if context.kind != "github":
        return None, None
    from karst.forges.github_identity import (
        issuer_of,
        open_token_signer,
        open_token_verifier,
    )

    options = HttpOptions(environ)
    verifier = open_token_verifier(
        options, context.branch or "", issuer=issuer_of(context.server_url)
    )
    return open_token_signer(environ, options), verifier
