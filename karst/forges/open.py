"""The forge that a slug's first word names."""

from __future__ import annotations

from karst.fetch.remote import Forge
from karst.forges.access import ForgeAccess, Kind
from karst.forges.http_options import HttpOptions


def open_forge(kind: Kind, access: ForgeAccess, http: HttpOptions) -> Forge:
    """Return the forge of `kind`; its library is imported only now."""
    if kind == "gh":
        from karst.forges.github import GitHubForge

        return GitHubForge(access, http)
    if kind == "gl":
        from karst.forges.gitlab import GitLabForge

        return GitLabForge(access, http)
    from karst.forges.bitbucket import BitbucketForge

    return BitbucketForge(access, http)
